using System.Globalization;
using System.Text;

namespace Tienda.Telemetry.Reports;

/// <summary>
/// Reports as Prometheus reads them: its own text format and OpenMetrics. The former is also how workers tell each other theirs, so it is
/// read back here; only what is written here can be read.
/// </summary>
public static class MetricText
{
    public const string TextType = "text/plain; version=0.0.4; charset=utf-8";
    public const string OpenMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    private const string CounterSuffix = "_total";
    private const string TypeMark = "# TYPE ";
    private const string HelpMark = "# HELP ";

    /// <summary>Ends a report, so that half of one is not taken for a whole one.</summary>
    private const string EndMark = "# EOF";

    private static readonly string[] Kinds = ["counter", "gauge", "histogram"];
    private static readonly string[] HistogramSuffixes = ["_bucket", "_sum", "_count"];

    /// <param name="isOpenMetrics">In that format a counter is called without <c>_total</c>, its samples are not.</param>
    public static string Write(MetricReport report, bool isOpenMetrics = false)
    {
        var text = new StringBuilder(64 * 1024);
        foreach (var family in report.Families.Where(family => family.Samples.Count > 0))
        {
            var name = isOpenMetrics && family.Kind == MetricKind.Counter ? family.Name[..^CounterSuffix.Length] : family.Name;
            text.Append(TypeMark).Append(name).Append(' ').Append(Kinds[(int)family.Kind]).Append('\n');
            text.Append(HelpMark).Append(name).Append(' ').Append(family.Help).Append('\n');
            foreach (var (sample, value) in family.Samples)
            {
                text.Append(CultureInfo.InvariantCulture, $"{sample} {value}\n");
            }
        }

        // A comment in the older format.
        return text.Append(EndMark).Append('\n').ToString();
    }

    /// <exception cref="FormatException">It is not a whole report.</exception>
    public static MetricReport Read(string text)
    {
        var report = new MetricReport();
        return text.EndsWith($"\n{EndMark}\n", StringComparison.Ordinal) || text == $"{EndMark}\n"
            ? ReadInto(report, text.AsSpan(0, text.Length - EndMark.Length - 1))
            : throw new FormatException("The report has no end.");
    }

    /// <summary>Adds metrics that stand in no report yet.</summary>
    /// <exception cref="FormatException">They are not written as they should be.</exception>
    public static MetricReport ReadInto(MetricReport report, ReadOnlySpan<char> text)
    {
        MetricFamily? family = null;
        string? typeLine = null;
        foreach (var line in text.EnumerateLines())
        {
            if (line.StartsWith(TypeMark))
            {
                (family, typeLine) = (null, typeLine is null ? line[TypeMark.Length..].ToString() : throw Wrong(line));
            }
            else if (line.StartsWith(HelpMark))
            {
                (family, typeLine) = (ReadFamily(report, typeLine, line), null);
            }
            else if (line.Length > 0)
            {
                ReadSample(family ?? throw Wrong(line), line);
            }
        }

        return typeLine is null ? report : throw Wrong(typeLine);
    }

    /// <summary>Labels in braces, ordered by their names, or nothing if there are none.</summary>
    public static string Labels(IEnumerable<KeyValuePair<string, string>> labels)
    {
        var ordered = labels.OrderBy(label => label.Key, StringComparer.Ordinal);
        var text = string.Join(',', ordered.Select(label => $"{label.Key}=\"{Escaped(label.Value)}\""));
        return text.Length == 0 ? "" : $"{{{text}}}";
    }

    /// <summary>The same with a bucket's upper bound at the end.</summary>
    public static string WithBound(string labels, double bound) =>
        $"{(labels.Length == 0 ? "{" : $"{labels[..^1]},")}le=\"{Bound(bound)}\"}}";

    /// <summary>A bucket's bound as OpenMetrics writes it, and every version of Prometheus keeps it: <c>1.0</c>, not <c>1</c>.</summary>
    public static string Bound(double bound)
    {
        if (double.IsPositiveInfinity(bound))
        {
            return "+Inf";
        }

        var text = bound.ToString("R", CultureInfo.InvariantCulture);
        return text.Contains('.', StringComparison.Ordinal) || text.Contains('E', StringComparison.Ordinal) ? text : $"{text}.0";
    }

    private static MetricFamily ReadFamily(MetricReport report, string? typeLine, ReadOnlySpan<char> helpLine)
    {
        var help = helpLine[HelpMark.Length..];
        return typeLine?.Split(' ') is [var name, var word] && Array.IndexOf(Kinds, word) is >= 0 and var kind
            && (kind != (int)MetricKind.Counter || name.EndsWith(CounterSuffix, StringComparison.Ordinal))
            && help.StartsWith($"{name} ") && report.Find(name) is null
                ? report.Family(name, (MetricKind)kind, help[(name.Length + 1)..].ToString())
                : throw Wrong(helpLine);
    }

    private static void ReadSample(MetricFamily family, ReadOnlySpan<char> line)
    {
        var end = line.LastIndexOf(' ');
        if (end <= 0 || MetricReport.Parse(line[(end + 1)..]) is not { } value || !Belongs(line[..end], family)
            || !family.Samples.TryAdd(line[..end].ToString(), value))
        {
            throw Wrong(line);
        }
    }

    private static bool Belongs(ReadOnlySpan<char> sample, MetricFamily family)
    {
        if (!sample.StartsWith(family.Name))
        {
            return false;
        }

        var rest = sample[family.Name.Length..];
        if (family.Kind == MetricKind.Histogram)
        {
            var brace = rest.IndexOf('{');
            var suffix = brace < 0 ? rest : rest[..brace];
            if (!HistogramSuffixes.AsSpan().Contains(suffix.ToString()))
            {
                return false;
            }

            rest = rest[suffix.Length..];
        }

        return rest.Length == 0 || (rest.Length > 2 && rest[0] == '{' && rest[^1] == '}');
    }

    private static string Escaped(string value) => value.Replace("\\", @"\\", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    private static FormatException Wrong(ReadOnlySpan<char> line) => new($"This does not belong into a report: {line}");
}
