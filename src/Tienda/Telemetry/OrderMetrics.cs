using System.Diagnostics.Metrics;

namespace Tienda.Telemetry;

/// <summary>How orders fare on their way into the database.</summary>
public sealed class OrderMetrics
{
    private static readonly InstrumentAdvice<long> BatchSizes = new() { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64] };

    private static readonly InstrumentAdvice<double> Seconds = new()
    {
        HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    };

    private readonly Meter _meter;
    private readonly Histogram<long> _batchSize;
    private readonly Histogram<double> _wait;
    private long _full;
    private long _late;

    public OrderMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(ShopMetrics.Meter);
        _batchSize = _meter.CreateHistogram("tienda.orders.batch.size", "{order}", "Orders placed by one statement.", advice: BatchSizes);
        _wait = _meter.CreateHistogram("tienda.orders.queue.wait", "s", "Time that an order waited for its turn.", advice: Seconds);
        _meter.CreateObservableCounter(
            "tienda.orders.queue.refusals",
            () => new[] { Refused("full", Volatile.Read(ref _full)), Refused("late", Volatile.Read(ref _late)) },
            "{order}",
            "Orders that were answered 503 because the queue was full, or because their turn came too late.");
    }

    /// <summary>Orders that found the queue full.</summary>
    public void NoteFull() => Interlocked.Increment(ref _full);

    /// <summary>Orders that were not answered within DB_POOL_TIMEOUT.</summary>
    public void NoteLate() => Interlocked.Increment(ref _late);

    public void ObserveQueue(Func<int> length) =>
        _meter.CreateObservableGauge("tienda.orders.queue.length", length, "{order}", "Orders that wait for their turn.");

    public void NoteBatch(int orders) => _batchSize.Record(orders);

    public void NoteWait(TimeSpan wait) => _wait.Record(wait.TotalSeconds);

    private static Measurement<long> Refused(string reason, long orders) =>
        new(orders, new KeyValuePair<string, object?>("reason", reason));
}
