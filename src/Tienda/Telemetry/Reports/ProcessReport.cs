using Tienda.Hosting;

namespace Tienda.Telemetry.Reports;

/// <summary>All figures of this process.</summary>
public sealed class ProcessReport(MeterReader meters, RequestFigures requests, Settings settings)
{
    // What others count only once it has happened. That it never happened is 0: otherwise its first time would be no increase.
    private readonly (string Name, MetricKind Kind, string Labels, string Help)[] _never =
    [
        ("db_client_connection_npgsql_pending_requests", MetricKind.Gauge, Pool(settings), "Requests that wait for a connection."),
        ("db_client_connection_npgsql_timeouts_total", MetricKind.Counter, Pool(settings), "Requests that have waited in vain."),
        ("db_client_operation_failed_total", MetricKind.Counter, Pool(settings), "Commands that have failed."),
        ("dotnet_exceptions_total", MetricKind.Counter, "", "Exceptions that were thrown."),
        ("kestrel_rejected_connections_total", MetricKind.Counter, "", "Connections beyond the server's limit."),
        ("kestrel_queued_connections", MetricKind.Gauge, "", "Connections that wait to be served."),
    ];

    public MetricReport Read()
    {
        var report = meters.Read();
        MetricText.ReadInto(report, requests.ToText());
        foreach (var (name, kind, labels, help) in _never)
        {
            report.Family(name, kind, help).Samples.TryAdd(name + labels, 0);
        }

        return report;
    }

    private static string Pool(Settings settings) => MetricText.Labels([new("db_client_connection_pool_name", settings.PoolName)]);
}
