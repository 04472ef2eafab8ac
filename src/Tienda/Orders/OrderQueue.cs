using System.Threading.Channels;
using Npgsql;
using Tienda.Data;
using Tienda.Hosting;
using Tienda.Http;
using Tienda.Security;
using Tienda.Telemetry;

namespace Tienda.Orders;

/// <summary>
/// Places orders, all that wait at a moment in one round trip (docs/concurrency.md). There is no timer: a lone order goes at once, and
/// what arrives while a batch is in the database becomes the next one.
/// </summary>
public sealed partial class OrderQueue : BackgroundService
{
    /// <summary>Orders that may wait; at the speed of one small machine, less than a second's worth.</summary>
    public const int Capacity = 2048;

    private const int LargestBatch = 64;

    // Bounds the time that the locks of a batch are held. One order may have more lines; it then goes alone.
    private const int MostLines = 1000;

    // While one batch waits for the disk, the other one computes.
    private const int Consumers = 2;

    private readonly Channel<WaitingOrder> _waiting = Channel.CreateBounded<WaitingOrder>(Capacity);
    private readonly NpgsqlDataSource _database;
    private readonly TimeSpan _patience;
    private readonly OrderMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<OrderQueue> _logger;

    public OrderQueue(Settings settings, OrderMetrics metrics, TimeProvider time, ILoggerFactory logs)
    {
        // Connections of its own, so that orders do not wait behind reads that have filled the other pool.
        _database = Database.CreatePool(settings, Database.OrderPool, Consumers, logs);
        _patience = TimeSpan.FromSeconds(settings.PoolTimeoutSeconds);
        _metrics = metrics;
        _time = time;
        _logger = logs.CreateLogger<OrderQueue>();
        metrics.ObserveQueue(() => _waiting.Reader.Count);
    }

    /// <summary>Places an order, or finds the one that was placed under its key.</summary>
    /// <param name="request">With its client; a stranger to the shop's data in all other respects.</param>
    /// <exception cref="BusyException">The queue is full, or the answer did not come within DB_POOL_TIMEOUT.</exception>
    public async Task<Outcome<Order>> PlaceAsync(PlaceOrderRequest request, Actor writer, IdempotencyKey? key, CancellationToken ct)
    {
        var order = new WaitingOrder(request, writer, key, _time.GetTimestamp());
        if (!_waiting.Writer.TryWrite(order))
        {
            throw new BusyException("Too many orders are waiting to be placed; this one was not.");
        }

        try
        {
            return await order.Answer.WaitAsync(_patience, _time, ct);
        }
        catch (TimeoutException)
        {
            throw new BusyException(order.TryAbandon()
                ? "The order waited too long for its turn and was not placed."
                : "The database did not answer in time; whether the order was placed can be learned by its Idempotency-Key.");
        }
        finally
        {
            order.TryAbandon();
        }
    }

    /// <summary>Takes no more orders and places those that wait.</summary>
    public override Task StopAsync(CancellationToken cancellationToken)
    {
        _waiting.Writer.TryComplete();
        return base.StopAsync(cancellationToken);
    }

    public override void Dispose()
    {
        _database.Dispose();
        base.Dispose();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(Enumerable.Range(0, Consumers).Select(_ => Task.Run(ConsumeAsync, CancellationToken.None)));

    private async Task ConsumeAsync()
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

    private void Take(List<WaitingOrder> batch)
    {
        for (var lines = 0; batch.Count < LargestBatch && lines < MostLines && _waiting.Reader.TryRead(out var order);)
        {
            if (order.TryTake())
            {
                batch.Add(order);
                lines += order.Items.Count;
                _metrics.NoteWait(_time.GetElapsedTime(order.Since));
            }
        }
    }

    private async Task PlaceAsync(List<WaitingOrder> batch)
    {
        try
        {
            await using var connection = await _database.OpenConnectionAsync();
            var outcomes = await OrderBatch.PlaceAsync(connection, batch, CancellationToken.None);
            _metrics.NoteBatch(batch.Count);
            for (var i = 0; i < batch.Count; i++)
            {
                batch[i].Answered(outcomes[i]);
            }
        }
        catch (Exception failure) when (batch.Count > 1 && DatabaseFailure.Read(failure) is { WasRolledBack: true } reason)
        {
            // One of them made the statement fail. Each alone, that one fails alone.
            Log.Split(_logger, batch.Count, reason.Message);
            foreach (var order in batch.ToList())
            {
                await PlaceAsync([order]);
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

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "{Count} orders could not be placed together and are placed one by one: {Reason}")]
        public static partial void Split(ILogger logger, int count, string reason);
    }
}

/// <summary>Registers what runs beside the requests.</summary>
public static class OrderServices
{
    public static IServiceCollection AddOrderQueue(this IServiceCollection services) => services
        .AddSingleton<OrderMetrics>()
        .AddSingleton<OrderQueue>().AddHostedService(provider => provider.GetRequiredService<OrderQueue>())
        .AddSingleton<KeyPurge>().AddHostedService(provider => provider.GetRequiredService<KeyPurge>());
}
