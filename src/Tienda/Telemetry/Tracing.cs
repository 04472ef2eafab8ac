using System.Diagnostics;
using OpenTelemetry.Instrumentation.AspNetCore;
using OpenTelemetry.Trace;
using Tienda.Hosting;

namespace Tienda.Telemetry;

/// <summary>
/// Traces of requests: HTTP, PostgreSQL, Redis. Off unless OTEL_TRACES_SAMPLER_ARG says how many; then nothing listens, and a span that
/// nobody listens to is not made.
/// </summary>
public static class Tracing
{
    /// <summary>The shop's own spans: questions to Redis, and batches of orders.</summary>
    public static readonly ActivitySource Source = new("Tienda");

    private const string RequestId = "tienda.request_id";

    /// <summary>The trace that the present request is in, for its log line; null if it is not traced.</summary>
    public static string? TraceId => Activity.Current is { Recorded: true } span ? span.TraceId.ToHexString() : null;

    public static IServiceCollection AddShopTraces(this IServiceCollection services, Settings settings)
    {
        if (!settings.Telemetry.SendsTraces)
        {
            return services;
        }

        services.AddOpenTelemetry().WithTracing(traces => traces
            .SetSampler(SamplerOf(settings.Telemetry))
            .AddAspNetCoreInstrumentation(Describe)
            .AddSource(Source.Name, "Npgsql")
            .AddOtlpExporter());
        return services;
    }

    private static void Describe(AspNetCoreTraceInstrumentationOptions options)
    {
        options.Filter = context => !HealthEndpoints.Contain(context.Request.Path) && !ShopMetrics.IsPage(context.Request.Path);
        options.EnrichWithHttpResponse = (span, response) =>
        {
            var context = response.HttpContext;
            span.SetTag(RequestId, context.TraceIdentifier);
            // Of an answer from memory only the cache knows the route; and paths are told as the documentation writes them.
            if (RequestFigures.RouteOf(context) is { Length: > 0 } route)
            {
                span.SetTag("http.route", route);
                span.DisplayName = $"{context.Request.Method} {route}";
            }
        };
    }

    private static ParentBasedSampler SamplerOf(TelemetrySettings settings)
    {
        Sampler others = settings.Sampling switch
        {
            TraceSampling.All or TraceSampling.CallersAndAll => new AlwaysOnSampler(),
            TraceSampling.Share or TraceSampling.CallersAndShare => new TraceIdRatioBasedSampler(settings.TracedShare),
            _ => new AlwaysOffSampler(),
        };
        var requests = new RequestSampler(others);
        // Whether a caller traces is its own affair unless it is believed: anybody could have everything traced.
        return settings.Sampling is TraceSampling.CallersAndNone or TraceSampling.CallersAndAll or TraceSampling.CallersAndShare
            ? new ParentBasedSampler(requests)
            : new ParentBasedSampler(requests, remoteParentSampled: requests, remoteParentNotSampled: requests);
    }

    /// <summary>What the shop does by itself, such as the look at the log of changes twice a second, is no request.</summary>
    private sealed class RequestSampler(Sampler requests) : Sampler
    {
        public override SamplingResult ShouldSample(in SamplingParameters samplingParameters) =>
            samplingParameters.Kind == ActivityKind.Server
                ? requests.ShouldSample(samplingParameters)
                : new SamplingResult(SamplingDecision.Drop);
    }
}
