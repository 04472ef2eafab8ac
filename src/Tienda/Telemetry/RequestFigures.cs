using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Tienda.Caching;
using Tienda.Telemetry.Reports;

namespace Tienda.Telemetry;

/// <summary>
/// How long requests took, by route, method and status: the histogram <c>http.server.request.duration</c> of OpenTelemetry's conventions.
/// The framework's own costs a cached answer three times as much as the cache itself, and does not know the route of an answer that was
/// given before routing.
/// </summary>
public sealed class RequestFigures
{
    private const string Name = "http_server_request_duration_seconds";

    // Upper bounds in seconds: those of the conventions, and below them some for answers that come from memory.
    private static readonly double[] Bounds =
        [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

    private static readonly long[] BoundsInTicks = [.. Bounds.Select(bound => (long)(bound * Stopwatch.Frequency))];

    private static readonly ConditionalWeakTable<Endpoint, string> Routes = [];

    private readonly ConcurrentDictionary<RequestKind, Series> _series = new();

    /// <param name="duration">In ticks of <see cref="Stopwatch"/>.</param>
    public void Note(HttpContext context, long duration)
    {
        var kind = new RequestKind(RouteOf(context), KnownMethod(context.Request.Method), context.Response.StatusCode);
        var series = _series.TryGetValue(kind, out var known) ? known : _series.GetOrAdd(kind, static _ => new Series());
        Interlocked.Increment(ref series.Counts[BucketOf(duration)]);
        Interlocked.Add(ref series.Sum, duration);
    }

    /// <summary>Upper bounds of the buckets in seconds; one more bucket has none.</summary>
    public static IReadOnlyList<double> UpperBounds => Bounds;

    /// <summary>The route of a request, as the documentation writes it; empty if it has none.</summary>
    public static string RouteOf(HttpContext context) => context.GetEndpoint() is { } endpoint
        ? Routes.GetValue(endpoint, RouteOf)
        : CacheKey.RouteOf(context.Request.Path.Value) ?? "";

    /// <summary>What has been counted until now.</summary>
    public IReadOnlyDictionary<RequestKind, RequestCounts> Read() => _series.ToDictionary(
        series => series.Key,
        series => new RequestCounts([.. series.Value.Counts], (double)Volatile.Read(ref series.Value.Sum) / Stopwatch.Frequency));

    /// <summary>Writes the histogram as Prometheus and OpenMetrics read it.</summary>
    public string ToText()
    {
        var text = new StringBuilder();
        text.Append("# TYPE ").Append(Name).Append(" histogram\n");
        text.Append("# HELP ").Append(Name).Append(" How long requests took.\n");
        foreach (var (kind, series) in _series.OrderBy(s => s.Key.Route, StringComparer.Ordinal).ThenBy(s => s.Key.Status))
        {
            var labels = $"http_request_method=\"{kind.Method}\",http_response_status_code=\"{kind.Status}\"";
            labels += kind.Route.Length == 0 ? "" : $",http_route=\"{kind.Route}\"";
            var count = 0L;
            for (var i = 0; i < series.Counts.Length; i++)
            {
                count += Volatile.Read(ref series.Counts[i]);
                var bound = MetricText.Bound(i < Bounds.Length ? Bounds[i] : double.PositiveInfinity);
                text.Append(CultureInfo.InvariantCulture, $"{Name}_bucket{{{labels},le=\"{bound}\"}} {count}\n");
            }

            var sum = (double)Volatile.Read(ref series.Sum) / Stopwatch.Frequency;
            text.Append(CultureInfo.InvariantCulture, $"{Name}_sum{{{labels}}} {sum:R}\n");
            text.Append(CultureInfo.InvariantCulture, $"{Name}_count{{{labels}}} {count}\n");
        }

        return text.ToString();
    }

    private static int BucketOf(long duration)
    {
        for (var i = 0; i < BoundsInTicks.Length; i++)
        {
            if (duration <= BoundsInTicks[i])
            {
                return i;
            }
        }

        return BoundsInTicks.Length;
    }

    // As paths stand in the documentation: without constraints and without a slash at the end.
    private static string RouteOf(Endpoint endpoint)
    {
        var route = (endpoint as RouteEndpoint)?.RoutePattern.RawText ?? "";
        route = string.Join('{', route.Split('{').Select(part => part.IndexOf(':', StringComparison.Ordinal) is > 0 and var colon
            ? part[..colon] + part[part.IndexOf('}', StringComparison.Ordinal)..]
            : part));
        return route.Length > 1 ? route.TrimEnd('/') : route;
    }

    /// <summary>What a client makes up must not become a series.</summary>
    public static string KnownMethod(string method) =>
        HttpMethods.IsGet(method) || HttpMethods.IsPost(method) || HttpMethods.IsPatch(method) || HttpMethods.IsPut(method)
        || HttpMethods.IsDelete(method) || HttpMethods.IsHead(method) || HttpMethods.IsOptions(method)
            ? HttpMethods.GetCanonicalizedValue(method)
            : "_OTHER";

    private sealed class Series
    {
        public long Sum;

        public long[] Counts { get; } = new long[Bounds.Length + 1];
    }
}

/// <summary>What tells requests apart.</summary>
public readonly record struct RequestKind(string Route, string Method, int Status);

/// <summary>How many requests of a kind there were, by <see cref="RequestFigures.UpperBounds"/>, and how long they took together.</summary>
public sealed record RequestCounts(IReadOnlyList<long> Buckets, double Seconds);
