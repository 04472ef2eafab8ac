using System.Diagnostics;
using System.Threading.Channels;
using Npgsql;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Telemetry;

namespace Tienda.Orders;

/// <summary>
/// A queue of orders and the one consumer that places them, all that wait at a moment in one round trip. No timer holds an order up: a lone
/// one goes at once, and what arrives while a batch is in the database becomes the next one. Only an order that needs a row which
/// somebody else holds is tried again after a pause, and the others go on meanwhile.
/// </summary>
public sealed partial class OrderLane(
    NpgsqlDataSource database, CacheChanges changes, OrderMetrics metrics, QueryFigures queries, TimeProvider time, ILogger logger)
    : IDisposable
{
    /// <summary>Orders that may wait; at the speed of one small machine, less than a second's worth.</summary>
    public const int Capacity = 2048;

    private const int LargestBatch = 64;

    // Bounds the time for which a batch holds its locks. The last order to be taken may exceed it.
    private const int EnoughLines = 1000;

    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(100);

    private readonly Channel<WaitingOrder> _waiting =
        Channel.CreateBounded<WaitingOrder>(new BoundedChannelOptions(Capacity) { SingleReader = true });

    // Orders that a row was held from, oldest first, and when they are tried again.
    private readonly Queue<WaitingOrder> _held = new();
    private TimeSpan _pause;
    private long _pausedSince;
    private Task<bool>? _arrival;

    /// <summary>Orders that wait for their turn, those that a row is held from among them.</summary>
    public int Length => _waiting.Reader.Count + _held.Count;

    /// <summary>False if the lane is full or closed.</summary>
    public bool TryAdd(WaitingOrder order) => _waiting.Writer.TryWrite(order);

    /// <summary>Takes no more orders; <see cref="RunAsync"/> places those that wait and ends.</summary>
    public void Close() => _waiting.Writer.TryComplete();

    public async Task RunAsync()
    {
        var batch = new List<WaitingOrder>(LargestBatch);
        while (await HasWorkAsync())
        {
            var exclusive = TakeHeld(batch);
            TakeWaiting(batch);
            if (batch.Count > 0)
            {
                await PlaceAsync(batch, exclusive);
                batch.Clear();
            }
        }
    }

    public void Dispose() => database.Dispose();

    private TimeSpan PauseLeft => _pause - time.GetElapsedTime(_pausedSince);

    private async Task<bool> HasWorkAsync()
    {
        _arrival ??= _waiting.Reader.WaitToReadAsync(CancellationToken.None).AsTask();
        if (_held.Count > 0 && PauseLeft is { Ticks: > 0 } left)
        {
            var closed = _arrival.IsCompletedSuccessfully && !await _arrival;
            await (closed ? Task.Delay(left, time) : Task.WhenAny(_arrival, Task.Delay(left, time)));
        }

        if (_held.Count > 0 && !_arrival.IsCompleted)
        {
            return true;
        }

        var arrived = await _arrival;
        if (arrived)
        {
            _arrival = null;
        }

        return arrived || _held.Count > 0;
    }

    // Half of a batch is left to new orders, so that a row that stays held stops only those that need it.
    private bool TakeHeld(List<WaitingOrder> batch)
    {
        var most = _waiting.Reader.Count > 0 ? LargestBatch / 2 : LargestBatch;
        while (batch.Count < most && _held.Count > 0 && PauseLeft.Ticks <= 0)
        {
            if (_held.Dequeue() is var order && order.TryTake())
            {
                batch.Add(order);
            }
        }

        return batch.Count > 0;
    }

    private void TakeWaiting(List<WaitingOrder> batch)
    {
        for (var lines = 0; batch.Count < LargestBatch && lines < EnoughLines && _waiting.Reader.TryRead(out var order);)
        {
            if (order.TryTake())
            {
                batch.Add(order);
                lines += order.Items.Count;
                var waited = time.GetElapsedTime(order.Since);
                order.Use?.NoteWait(waited);
                metrics.NoteWait(waited);
            }
        }
    }

    // Whatever fails, each order of the batch gets its answer here: nobody awaits the exception of a lane.
    private async Task PlaceAsync(IReadOnlyList<WaitingOrder> batch, bool exclusive)
    {
        using var span = StartSpan(batch);
        try
        {
            var outcomes = await AskAsync(batch, exclusive);
            metrics.NoteBatch(batch.Count);
            Answer(batch, outcomes, exclusive);
        }
        catch (Exception failure) when (batch.Count > 1 && DatabaseFailure.Read(failure) is { MayBePartial: true } reason)
        {
            // One of them made the statement fail. Each alone, that one fails alone.
            Log.Split(logger, batch.Count, reason.Message);
            foreach (var order in batch.Where(order => !order.SenderLeft))
            {
                await PlaceAsync([order], exclusive);
            }
        }
        catch (Exception failure)
        {
            foreach (var order in batch)
            {
                order.Failed(failure);
            }
        }
    }

    // In the trace of its first order that has one; the others point to it.
    private static Activity? StartSpan(IReadOnlyList<WaitingOrder> batch)
    {
        var traced = batch.Where(order => order.Span is not null).Select(order => order.Span!.Value).ToList();
        return traced.Count == 0 ? null : Tracing.Source.StartActivity(
            "place_orders", ActivityKind.Internal, traced[0], links: traced.Skip(1).Select(span => new ActivityLink(span)));
    }

    // Each of the requests has waited for all of the round trip.
    private async Task<List<Outcome<Order>?>> AskAsync(IReadOnlyList<WaitingOrder> batch, bool exclusive)
    {
        var use = DatabaseUse.Begin(queries, () => string.Join(", ", batch.Select(order => order.Use?.RequestId)));
        try
        {
            await using var connection = await database.BorrowAsync(CancellationToken.None);
            return await OrderBatch.PlaceAsync(connection, changes, batch, exclusive, CancellationToken.None);
        }
        finally
        {
            foreach (var order in batch)
            {
                order.Use?.NoteShared(use);
            }
        }
    }

    private void Answer(IReadOnlyList<WaitingOrder> batch, List<Outcome<Order>?> outcomes, bool exclusive)
    {
        var before = _held.Count;
        for (var i = 0; i < batch.Count; i++)
        {
            if (outcomes[i] is { } outcome)
            {
                batch[i].Answered(outcome);
            }
            else
            {
                batch[i].PutBack();
                _held.Enqueue(batch[i]);
            }
        }

        // A row may be held from a call that is not exclusive by another such call; the next attempt waits for that one, and no longer.
        if (exclusive)
        {
            _pause = _held.Count == before ? TimeSpan.Zero
                : _pause == TimeSpan.Zero ? ShortestPause
                : TimeSpan.FromTicks(Math.Min(2 * _pause.Ticks, LongestPause.Ticks));
            _pausedSince = time.GetTimestamp();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "{Count} orders could not be placed together and are placed one by one: {Reason}")]
        public static partial void Split(ILogger logger, int count, string reason);
    }
}
