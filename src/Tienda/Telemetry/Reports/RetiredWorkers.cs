using System.Globalization;

namespace Tienda.Telemetry.Reports;

/// <summary>What the workers that have ended have left, as the supervisor keeps it.</summary>
/// <param name="Next">Workers from this sequence on had not begun when it was written.</param>
/// <param name="Living">Those before that had not ended.</param>
public sealed record RetiredWorkers(MetricReport Report, int Next, IReadOnlyCollection<int> Living)
{
    private const string Mark = "# LIVING";

    /// <summary>Whether the figures of a worker are among these, so that its own must not be added.</summary>
    public bool Include(int sequence) => sequence < Next && !Living.Contains(sequence);

    /// <exception cref="FormatException">The file is none of this program's.</exception>
    /// <exception cref="IOException">There is no file.</exception>
    public static RetiredWorkers Read(string folder)
    {
        var text = File.ReadAllText(WorkerFiles.Retired(folder));
        var end = text.IndexOf('\n', StringComparison.Ordinal);
        if (end < 0 || !text.StartsWith(Mark, StringComparison.Ordinal))
        {
            throw new FormatException("There is no list of the living.");
        }

        var numbers = text[Mark.Length..end].Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(number => int.Parse(number, CultureInfo.InvariantCulture)).ToList();
        return new RetiredWorkers(MetricText.Read(text[(end + 1)..]), numbers[^1], numbers[..^1]);
    }

    public void Write(string folder) => WorkerFiles.Write(
        WorkerFiles.Retired(folder), $"{Mark} {string.Join(' ', Living.Append(Next))}\n{MetricText.Write(Report)}");
}
