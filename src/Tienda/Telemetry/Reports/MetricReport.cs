using System.Globalization;

namespace Tienda.Telemetry.Reports;

/// <summary>What a metric's samples mean, in Prometheus's words.</summary>
public enum MetricKind
{
    /// <summary>Only goes up.</summary>
    Counter,

    /// <summary>Goes up and down.</summary>
    Gauge,

    /// <summary>Counts by bounds, and their sum; each of them only goes up.</summary>
    Histogram,
}

/// <summary>One metric with all its samples.</summary>
/// <param name="name">As Prometheus knows it; a counter's ends with <c>_total</c>.</param>
public sealed class MetricFamily(string name, MetricKind kind, string help)
{
    public string Name => name;

    public MetricKind Kind => kind;

    public string Help => help;

    /// <summary>
    /// Values by what stands before them in the exposition format, such as <c>x_total{result="miss"}</c>. They are decimal numbers because
    /// sums of these do not depend on the order: of binary ones the same counters, added in another order, may be a little less than
    /// before, which Prometheus takes for a restart.
    /// </summary>
    public OrderedDictionary<string, decimal> Samples { get; } = new(StringComparer.Ordinal);
}

/// <summary>The figures of a worker, or of several.</summary>
public sealed class MetricReport
{
    // A billionth of a second, say. With all digits that a binary number may have, sums would have to be rounded.
    private const int Decimals = 9;

    private readonly SortedDictionary<string, MetricFamily> _families = new(StringComparer.Ordinal);

    /// <summary>In the order of their names.</summary>
    public IReadOnlyCollection<MetricFamily> Families => _families.Values;

    public MetricFamily? Find(string name) => _families.GetValueOrDefault(name);

    /// <summary>The metric of this name. If there is one already it keeps its kind and text.</summary>
    public MetricFamily Family(string name, MetricKind kind, string help)
    {
        if (!_families.TryGetValue(name, out var family))
        {
            _families.Add(name, family = new MetricFamily(name, kind, help));
        }

        return family;
    }

    /// <summary>A number as it is kept; what is no number, or beyond all bounds, is 0.</summary>
    public static decimal Exact(double value) =>
        double.IsFinite(value) && Math.Abs(value) < 1e18 ? decimal.Round((decimal)value, Decimals) : 0;

    /// <summary>A number of a report; null if it is none.</summary>
    public static decimal? Parse(ReadOnlySpan<char> text) =>
        decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? decimal.Round(value, Decimals) : null;
}
