using System.Globalization;
using System.Text;

namespace Tienda.Telemetry;

/// <summary>One line of a page for Prometheus.</summary>
/// <param name="Series">Name and labels as they stand there, which tell it from the others.</param>
public sealed record MetricSample(string Series, string Name, IReadOnlyDictionary<string, string> Labels, double Value)
{
    /// <summary>Reads a page in the text format of https://prometheus.io/docs/instrumenting/exposition_formats/.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static IReadOnlyList<MetricSample> ReadAll(string page)
    {
        var samples = new List<MetricSample>();
        foreach (var line in page.Split('\n'))
        {
            var text = line.Trim();
            if (text.Length > 0 && text[0] != '#')
            {
                samples.Add(Read(text));
            }
        }

        return samples;
    }

    public string? Label(string name) => Labels.GetValueOrDefault(name);

    private static MetricSample Read(string line)
    {
        var end = line.AsSpan().IndexOfAny('{', ' ', '\t');
        if (end <= 0)
        {
            throw new FormatException($"'{line}' is no line of metrics.");
        }

        var name = line[..end];
        var labels = new Dictionary<string, string>();
        if (line[end] == '{')
        {
            end = ReadLabels(line, end + 1, labels);
        }

        // What may follow the value is a time, which nobody needs.
        var value = line[end..].Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault() ?? "";
        return new MetricSample(line[..end].TrimEnd(), name, labels, Number(value));
    }

    /// <returns>Where the labels end.</returns>
    private static int ReadLabels(string line, int at, Dictionary<string, string> labels)
    {
        while (at < line.Length && line[at] != '}')
        {
            var equals = line.IndexOf("=\"", at, StringComparison.Ordinal);
            if (equals < 0)
            {
                break;
            }

            var (name, value) = (line[at..equals].Trim(' ', ','), new StringBuilder());
            for (at = equals + 2; at < line.Length && line[at] != '"'; at++)
            {
                if (line[at] == '\\' && at + 1 < line.Length)
                {
                    at++;
                    value.Append(line[at] == 'n' ? '\n' : line[at]);
                }
                else
                {
                    value.Append(line[at]);
                }
            }

            labels[name] = value.ToString();
            at++;
        }

        return at < line.Length && line[at] == '}' ? at + 1 : throw new FormatException($"'{line}' is no line of metrics.");
    }

    private static double Number(string text) => text switch
    {
        "+Inf" => double.PositiveInfinity,
        "-Inf" => double.NegativeInfinity,
        "NaN" => double.NaN,
        _ => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new FormatException($"'{text}' is no figure of metrics."),
    };
}
