using Tienda.Hosting;

namespace Tienda.Telemetry;

/// <summary>Which requests are traced.</summary>
public enum TraceSampling
{
    None,
    All,

    /// <summary>A share of all.</summary>
    Share,

    /// <summary>Those that a caller traces, and of the others none, all, or a share.</summary>
    CallersAndNone,
    CallersAndAll,
    CallersAndShare,
}

/// <summary>Where metrics and traces are sent, in OpenTelemetry's own variables.</summary>
public sealed record TelemetrySettings
{
    private const string Prefix = "OTEL_";
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string MetricsEndpoint = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
    private const string TracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    private const string Disabled = "OTEL_SDK_DISABLED";
    private const string Temporality = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";

    private static readonly Dictionary<string, string> Protocols = new() { ["grpc"] = "grpc", ["http/protobuf"] = "http/protobuf" };
    private static readonly Dictionary<string, bool> Exporters = new() { ["otlp"] = true, ["none"] = false };

    private static readonly Dictionary<string, TraceSampling> Samplers = new()
    {
        ["traceidratio"] = TraceSampling.Share,
        ["always_on"] = TraceSampling.All,
        ["always_off"] = TraceSampling.None,
        ["parentbased_traceidratio"] = TraceSampling.CallersAndShare,
        ["parentbased_always_on"] = TraceSampling.CallersAndAll,
        ["parentbased_always_off"] = TraceSampling.CallersAndNone,
    };

    /// <summary>Whether metrics are sent (OTEL_EXPORTER_OTLP_ENDPOINT, or that of metrics alone, and OTEL_METRICS_EXPORTER).</summary>
    public bool SendsMetrics { get; init; }

    /// <summary>Whether requests are traced and the traces sent: there is somewhere to send them, and the sampler takes some.</summary>
    public bool SendsTraces { get; init; }

    /// <summary>Which (OTEL_TRACES_SAMPLER).</summary>
    public TraceSampling Sampling { get; init; } = TraceSampling.Share;

    /// <summary>How many of all, from 0 to 1 (OTEL_TRACES_SAMPLER_ARG).</summary>
    public double TracedShare { get; init; }

    /// <summary>Every variable of OpenTelemetry that is set, for its libraries, which do not read this program's files.</summary>
    public IReadOnlyDictionary<string, string> Standard { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether histograms are sent as what came since the last time, instead of since the start.</summary>
    public bool SendsDeltas => Standard.GetValueOrDefault(Temporality)?.ToLowerInvariant() is "delta" or "lowmemory";

    public static TelemetrySettings Read(SettingsReader read)
    {
        var everything = Url(read, Endpoint);
        read.Choice(["OTEL_EXPORTER_OTLP_PROTOCOL"], "grpc", Protocols);
        var sampling = read.Choice(["OTEL_TRACES_SAMPLER"], TraceSampling.Share, Samplers);
        var share = read.Share("OTEL_TRACES_SAMPLER_ARG", 0);
        var hasMetrics = Url(read, MetricsEndpoint) | everything;
        var hasTraces = Url(read, TracesEndpoint) | everything;
        hasMetrics &= read.Choice(["OTEL_METRICS_EXPORTER"], true, Exporters);
        hasTraces &= read.Choice(["OTEL_TRACES_EXPORTER"], true, Exporters);
        var isOff = read.Flag(Disabled, false);
        var standard = read.All(Prefix, isSecret: name => name.EndsWith("_HEADERS", StringComparison.Ordinal));
        // The libraries would not even read the meters for /metrics.
        standard[Disabled] = "false";
        return new TelemetrySettings
        {
            SendsMetrics = hasMetrics && !isOff,
            SendsTraces = hasTraces && !isOff && sampling switch
            {
                TraceSampling.None => false,
                TraceSampling.Share => share > 0,
                _ => true,
            },
            Sampling = sampling,
            TracedShare = share,
            Standard = standard,
        };
    }

    private static bool Url(SettingsReader read, string name)
    {
        if (read.Text(name) is not { } text)
        {
            return false;
        }

        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
        {
            read.Refuse(name, "a URL, such as http://collector:4317");
        }

        return true;
    }
}
