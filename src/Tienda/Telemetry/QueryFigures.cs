using System.Diagnostics.Metrics;
using Tienda.Data;
using Tienda.Hosting;

namespace Tienda.Telemetry;

/// <summary>How long questions to the database take, by their names, and how many a request needs, by its route.</summary>
public sealed partial class QueryFigures
{
    private const string Engine = "postgresql";

    // Those of OpenTelemetry's conventions, and below them some for Redis.
    private static readonly InstrumentAdvice<double> Seconds = new()
    {
        HistogramBucketBoundaries = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
    };

    private static readonly InstrumentAdvice<long> Few = new() { HistogramBucketBoundaries = [0, 1, 2, 3, 4, 6, 10] };

    private readonly Histogram<double> _durations;
    private readonly Histogram<long> _roundTrips;
    private readonly TimeSpan _slow;
    private readonly ILogger<QueryFigures> _logger;

    public QueryFigures(IMeterFactory meters, Settings settings, ILogger<QueryFigures> logger)
    {
        var meter = meters.Create(ShopMetrics.Meter);
        _durations = CreateDurations(meter);
        _roundTrips = meter.CreateHistogram(
            "tienda.http.request.db_round_trips",
            "{round_trip}",
            "Round trips to the database of a request that got that far.",
            advice: Few);
        _slow = TimeSpan.FromMilliseconds(settings.Log.SlowQueryMs);
        _logger = logger;
    }

    /// <summary>OpenTelemetry's histogram of how long questions to a database took; of the same meter always the same one.</summary>
    public static Histogram<double> CreateDurations(Meter meter) => meter.CreateHistogram(
        "db.client.operation.duration", "s", "How long questions to PostgreSQL and Redis took.", advice: Seconds);

    /// <summary>Counts a request that may have asked the database.</summary>
    public void Note(string method, string route, DatabaseUse use) => _roundTrips.Record(
        use.RoundTrips,
        new KeyValuePair<string, object?>("http.request.method", method),
        new KeyValuePair<string, object?>("http.route", route));

    internal void Note(DatabaseUse use, QueryName query, TimeSpan duration, Exception? failure)
    {
        var system = new KeyValuePair<string, object?>("db.system.name", Engine);
        var name = new KeyValuePair<string, object?>("db.query.summary", query.Text);
        if (failure is null)
        {
            _durations.Record(duration.TotalSeconds, system, name);
        }
        else
        {
            var type = DatabaseFailure.Read(failure)?.State ?? failure.GetType().Name;
            _durations.Record(duration.TotalSeconds, system, name, new KeyValuePair<string, object?>("error.type", type));
        }

        if (duration > _slow)
        {
            Log.Slow(_logger, use.RequestId ?? "-", query.Text, duration.TotalMilliseconds);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "[{RequestId}] slow query: {Query} took {Milliseconds:F1}ms")]
        public static partial void Slow(ILogger logger, string requestId, string query, double milliseconds);
    }
}
