using System.Globalization;
using System.Text;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Tienda.Telemetry.Reports;

/// <summary>Reads the instruments of this process when it is asked to, under the names that Prometheus gives them.</summary>
public sealed class MeterReader : BaseExporter<Metric>
{
    // What a name ends with, by the unit; one in braces only says what is counted.
    private static readonly Dictionary<string, string> Units = new() { ["s"] = "seconds", ["By"] = "bytes", ["1"] = "ratio" };

    // The runtime says that these only go up.
    private static readonly string[] NoCounters = ["dotnet.thread_pool.queue.length", "dotnet.thread_pool.thread.count"];

    private readonly Lock _gate = new();
    private MetricReport _report = new();

    public MeterReader() => Reader = new BaseExportingMetricReader(this);

    /// <summary>What the meters are told to report to.</summary>
    public MetricReader Reader { get; }

    public MetricReport Read()
    {
        lock (_gate)
        {
            _report = new MetricReport();
            Reader.Collect();
            return _report;
        }
    }

    public override ExportResult Export(in Batch<Metric> batch)
    {
        foreach (var metric in batch)
        {
            var kind = KindOf(metric);
            var family = _report.Family(NameOf(metric.Name, metric.Unit, kind), kind, metric.Description);
            if (family.Kind == kind)
            {
                foreach (ref readonly var point in metric.GetMetricPoints())
                {
                    Add(family, metric.MetricType, point);
                }
            }
        }

        return ExportResult.Success;
    }

    /// <summary>Such as <c>tienda_cache_reads_total</c> of <c>tienda.cache.reads</c>.</summary>
    public static string NameOf(string instrument, string unit, MetricKind kind)
    {
        var name = new StringBuilder(instrument.Length + 16);
        foreach (var c in instrument)
        {
            name.Append(char.IsAsciiLetterOrDigit(c) ? c : '_');
        }

        if (Units.TryGetValue(unit, out var word) && !instrument.EndsWith(word, StringComparison.Ordinal))
        {
            name.Append('_').Append(word);
        }

        return name.Append(kind == MetricKind.Counter ? "_total" : "").ToString();
    }

    private static MetricKind KindOf(Metric metric) => metric.MetricType switch
    {
        MetricType.Histogram => MetricKind.Histogram,
        MetricType.LongSum or MetricType.DoubleSum when !NoCounters.Contains(metric.Name) => MetricKind.Counter,
        _ => MetricKind.Gauge,
    };

    private static void Add(MetricFamily family, MetricType type, in MetricPoint point)
    {
        var labels = LabelsOf(point);
        switch (type)
        {
            case MetricType.Histogram:
                AddHistogram(family, labels, point);
                break;
            case MetricType.LongSum or MetricType.LongSumNonMonotonic:
                family.Samples[family.Name + labels] = point.GetSumLong();
                break;
            case MetricType.DoubleSum or MetricType.DoubleSumNonMonotonic:
                family.Samples[family.Name + labels] = MetricReport.Exact(point.GetSumDouble());
                break;
            case MetricType.LongGauge:
                family.Samples[family.Name + labels] = point.GetGaugeLastValueLong();
                break;
            case MetricType.DoubleGauge:
                family.Samples[family.Name + labels] = MetricReport.Exact(point.GetGaugeLastValueDouble());
                break;
        }
    }

    private static void AddHistogram(MetricFamily family, string labels, in MetricPoint point)
    {
        var count = 0L;
        foreach (var bucket in point.GetHistogramBuckets())
        {
            count += bucket.BucketCount;
            family.Samples[$"{family.Name}_bucket{MetricText.WithBound(labels, bucket.ExplicitBound)}"] = count;
        }

        family.Samples[$"{family.Name}_sum{labels}"] = MetricReport.Exact(point.GetHistogramSum());
        family.Samples[$"{family.Name}_count{labels}"] = count;
    }

    private static string LabelsOf(in MetricPoint point)
    {
        var labels = new List<KeyValuePair<string, string>>(4);
        foreach (var tag in point.Tags)
        {
            labels.Add(new(tag.Key.Replace('.', '_'), Convert.ToString(tag.Value, CultureInfo.InvariantCulture) ?? ""));
        }

        return MetricText.Labels(labels);
    }
}
