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

    public OrderMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(ShopMetrics.Meter);
        _batchSize = _meter.CreateHistogram("tienda.orders.batch.size", "{order}", "Orders placed by one statement.", advice: BatchSizes);
        _wait = _meter.CreateHistogram("tienda.orders.queue.wait", "s", "Time that an order waited for its turn.", advice: Seconds);
    }

    public void ObserveQueue(Func<int> length) =>
        _meter.CreateObservableGauge("tienda.orders.queue.length", length, "{order}", "Orders that wait for their turn.");

    public void NoteBatch(int orders) => _batchSize.Record(orders);

    public void NoteWait(TimeSpan wait) => _wait.Record(wait.TotalSeconds);
}
