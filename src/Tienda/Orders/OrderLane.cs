using System.Threading.Channels;
using Npgsql;
using Tienda.Data;
using Tienda.Telemetry;

namespace Tienda.Orders;

/// <summary>
/// A queue of orders and the one consumer that places them, all that wait at a moment in one round trip. There is no timer: a lone order
/// goes at once, and what arrives while a batch is in the database becomes the next one.
/// </summary>
/// <param name="beside">Where orders go that need a row which somebody holds, so that the others need not wait; null if this is there.</param>
public sealed partial class OrderLane(
    NpgsqlDataSource database, HeldRows held, OrderLane? beside, OrderMetrics metrics, TimeProvider time, ILogger logger) : IDisposable
{
    /// <summary>Orders that may wait; at the speed of one small machine, less than a second's worth.</summary>
    public const int Capacity = 2048;

    private const int LargestBatch = 64;

    // Bounds the time for which a batch holds its locks. The last order to be taken may exceed it.
    private const int EnoughLines = 1000;

    private readonly Channel<WaitingOrder> _waiting =
        Channel.CreateBounded<WaitingOrder>(new BoundedChannelOptions(Capacity) { SingleReader = true });

    public int Length => _waiting.Reader.Count;

    /// <summary>False if the lane is full or closed.</summary>
    public bool TryAdd(WaitingOrder order) => _waiting.Writer.TryWrite(order);

    /// <summary>Takes no more orders; <see cref="RunAsync"/> places those that wait and ends.</summary>
    public void Close() => _waiting.Writer.TryComplete();

    public async Task RunAsync()
    {
        var batch = new List<WaitingOrder>(LargestBatch);
        while (await _waiting.Reader.WaitToReadAsync(CancellationToken.None))
        {
            Take(batch);
            if (batch.Count > 0)
            {
                await PlaceAsync(batch);
                batch.Clear();
            }
        }
    }

    public void Dispose() => database.Dispose();

    private void Take(List<WaitingOrder> batch)
    {
        for (var lines = 0; batch.Count < LargestBatch && lines < EnoughLines && _waiting.Reader.TryRead(out var order);)
        {
            if ((beside is not null && held.Concern(order) && beside.TryAdd(order)) || !order.TryTake())
            {
                continue;
            }

            batch.Add(order);
            lines += order.Items.Count;
            metrics.NoteWait(time.GetElapsedTime(order.Since));
        }
    }

    // Whatever fails, each order of the batch gets its answer here: nobody awaits the exception of a lane.
    private async Task PlaceAsync(IReadOnlyList<WaitingOrder> batch)
    {
        try
        {
            await using var connection = await database.OpenConnectionAsync();
            var outcomes = await OrderBatch.PlaceAsync(connection, batch, CancellationToken.None);
            metrics.NoteBatch(batch.Count);
            for (var i = 0; i < batch.Count; i++)
            {
                batch[i].Answered(outcomes[i]);
                held.Remove(batch[i]);
            }
        }
        catch (Exception failure) when (DatabaseFailure.Read(failure) is { IsLockTimeout: true })
        {
            await PlaceTheFreeAsync(batch, failure);
        }
        catch (Exception failure) when (batch.Count > 1 && DatabaseFailure.Read(failure) is { WasRolledBack: true } reason)
        {
            // One of them made the statement fail. Each alone, that one fails alone.
            Log.Split(logger, batch.Count, reason.Message);
            foreach (var order in batch)
            {
                await PlaceAsync([order]);
            }
        }
        catch (Exception failure)
        {
            Fail(batch, failure);
        }
    }

    // Somebody holds a row for longer than orders do, and those who do not need it are not to wait.
    private async Task PlaceTheFreeAsync(IReadOnlyList<WaitingOrder> batch, Exception failure)
    {
        try
        {
            await using (var connection = await database.OpenConnectionAsync())
            {
                var (products, clients) = await OrderBatch.HeldAsync(connection, batch, CancellationToken.None);
                held.Add(products, clients);
                Log.Held(logger, string.Join(", ", products.Select(id => $"product {id}").Concat(clients.Select(id => $"client {id}"))));
            }

            var free = batch.Where(order => !held.Concern(order)).ToList();
            // If it was none of these rows, all have to wait for whatever it was.
            var stuck = free.Count == batch.Count ? batch : batch.Where(held.Concern).ToList();
            foreach (var order in stuck)
            {
                order.PutBack();
                if (beside?.TryAdd(order) is not true)
                {
                    order.Failed(failure);
                }
            }

            if (free.Count > 0 && free.Count < batch.Count)
            {
                await PlaceAsync(free);
            }
        }
        catch (Exception away) when (DatabaseFailure.Read(away) is not null)
        {
            Fail(batch, away);
        }
    }

    private static void Fail(IReadOnlyList<WaitingOrder> batch, Exception failure)
    {
        foreach (var order in batch)
        {
            order.Failed(failure);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "{Count} orders could not be placed together and are placed one by one: {Reason}")]
        public static partial void Split(ILogger logger, int count, string reason);

        [LoggerMessage(LogLevel.Warning, "Somebody has held rows that orders need for a second or longer: {Rows}")]
        public static partial void Held(ILogger logger, string rows);
    }
}
