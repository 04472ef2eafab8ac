using Tienda.Caching;
using Tienda.Data;
using Tienda.Hosting;
using Tienda.Http;
using Tienda.Security;
using Tienda.Telemetry;

namespace Tienda.Orders;

/// <summary>Where orders wait to be placed (docs/concurrency.md), and where their senders wait for the answers.</summary>
public sealed class OrderQueue : BackgroundService
{
    private readonly OrderLane _lane;
    private readonly OrderMetrics _metrics;
    private readonly TimeSpan _patience;
    private readonly TimeProvider _time;

    public OrderQueue(
        Settings settings, CacheChanges changes, OrderMetrics metrics, QueryFigures queries, TimeProvider time, ConnectionPools pools,
        ILoggerFactory logs)
    {
        // One lane: more of them would need each other's products.
        var connection = Database.CreateOrderLane(settings, logs);
        pools.Add(connection);
        _lane = new OrderLane(connection, changes, metrics, queries, time, logs.CreateLogger<OrderLane>());
        _patience = TimeSpan.FromSeconds(settings.PoolTimeoutSeconds);
        (_metrics, _time) = (metrics, time);
        metrics.ObserveQueue(() => Length);
    }

    /// <summary>Orders that wait for their turn.</summary>
    public int Length => _lane.Length;

    /// <summary>Places an order, or finds the one that was placed under its key.</summary>
    /// <param name="request">Valid, with its client named.</param>
    /// <exception cref="BusyException">The queue is full, or the answer did not come within DB_POOL_TIMEOUT.</exception>
    public async Task<Outcome<Order>> PlaceAsync(PlaceOrderRequest request, Actor writer, IdempotencyKey? key, CancellationToken ct)
    {
        var order = new WaitingOrder(request, writer, key, _time.GetTimestamp());
        if (!_lane.TryAdd(order))
        {
            _metrics.NoteFull();
            throw new BusyException("Too many orders are waiting to be placed; this one was not.");
        }

        try
        {
            return await order.Answer.WaitAsync(_patience, _time, ct);
        }
        catch (TimeoutException)
        {
            _metrics.NoteLate();
            throw new BusyException(order.Abandon()
                ? "The order waited too long for its turn and was not placed."
                : "The database did not answer in time, and the order may have been placed. "
                    + $"It can be repeated safely only under the {IdempotencyKey.Header} that it was sent with.");
        }
        finally
        {
            order.Abandon();
        }
    }

    /// <summary>Takes no more orders and places those that wait. The web server has ended by then, and whoever could wait.</summary>
    public override Task StopAsync(CancellationToken cancellationToken)
    {
        _lane.Close();
        return base.StopAsync(cancellationToken);
    }

    public override void Dispose()
    {
        _lane.Close();
        _lane.Dispose();
        base.Dispose();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => _lane.RunAsync();
}

/// <summary>Registers what runs beside the requests.</summary>
public static class OrderServices
{
    public static IServiceCollection AddOrderQueue(this IServiceCollection services) => services
        .AddSingleton<OrderMetrics>()
        .AddSingleton<OrderQueue>().AddHostedService(provider => provider.GetRequiredService<OrderQueue>())
        .AddSingleton<KeyPurge>().AddHostedService(provider => provider.GetRequiredService<KeyPurge>());
}
