using System.Diagnostics.Metrics;
using Tienda.Caching;
using Tienda.Hosting;

namespace Tienda.Telemetry;

/// <summary>What is rather than what happens: this build, what the health check sees, log lines that nobody took.</summary>
public sealed class StateMetrics : BackgroundService
{
    // Often enough for any scrape, and nothing beside the cache, which asks twice a second.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly HealthCheck _health;
    private readonly bool _isAwaited;
    private readonly TimeProvider _time;
    private volatile HealthReport? _seen;

    public StateMetrics(
        IMeterFactory meters, HealthCheck health, RedisServer redis, LogLines lines, Settings settings, TimeProvider time)
    {
        (_health, _time) = (health, time);
        // A process that reports by itself, and not only when somebody asks it, cannot wait for the look.
        _isAwaited = settings.Place?.Files is not null || settings.Telemetry.SendsMetrics;
        var meter = meters.Create(ShopMetrics.Meter);
        var build = new Measurement<int>(
            1, Tag("version", BuildInfo.Version), Tag("revision", BuildInfo.Revision), Tag("dotnet", Environment.Version.ToString()));
        meter.CreateObservableGauge("tienda.build.info", () => build, null, "The build that runs; always 1.");
        meter.CreateObservableCounter(
            "tienda.log.dropped", () => lines.Dropped, "{line}", "Lines of the request log that nobody took in time.");
        ObserveUp(meter, "tienda.database", "PostgreSQL", checks => (checks.Database.Status, checks.Database.LatencyMs));
        if (redis.IsEnabled)
        {
            ObserveUp(meter, "tienda.redis", "Redis", checks => (checks.Redis.Status, checks.Redis.LatencyMs));
        }
    }

    /// <summary>Has what is told be as it is now.</summary>
    public async Task LookAsync() => _seen = await _health.ReportAsync();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!_isAwaited)
        {
            return;
        }

        using var timer = new PeriodicTimer(Interval, _time);
        try
        {
            do
            {
                await LookAsync();
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }

    private void ObserveUp(Meter meter, string name, string who, Func<HealthChecks, (string Status, double? LatencyMs)> look)
    {
        meter.CreateObservableGauge(
            $"{name}.up", () => Seen(checks => look(checks).Status == "up" ? 1 : 0), null, $"Whether {who} answers the health check.");
        meter.CreateObservableGauge(
            $"{name}.latency", () => Seen(checks => look(checks).LatencyMs / 1000), "s", $"How long {who} took to answer it.");
    }

    // Nothing until it was looked at, and no latency of who does not answer.
    private Measurement<double>[] Seen(Func<HealthChecks, double?> look) =>
        _seen is { } seen && look(seen.Checks) is { } value ? [new Measurement<double>(value)] : [];

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);
}
