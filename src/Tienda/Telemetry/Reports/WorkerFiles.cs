using System.Globalization;

namespace Tienda.Telemetry.Reports;

/// <summary>
/// Where the workers of a supervisor leave their figures for each other: each has a file with what it reported last, and a socket on which
/// it reports to whoever connects. The supervisor adds up what is left of those that have ended, and removes the folder when it ends.
/// </summary>
/// <param name="Number">The worker's, as its place is called.</param>
/// <param name="Sequence">Which of all workers it is, since a place has one after the other.</param>
public sealed record WorkerFiles(string Folder, int Number, int Sequence)
{
    private const string FileEnding = ".metrics";
    private const string RetiredName = "retired";

    public string Socket => PathOf(".socket");

    public string Report => PathOf(FileEnding);

    /// <summary>What the ended ones have left.</summary>
    public static string Retired(string folder) => Path.Combine(folder, RetiredName);

    /// <summary>Those that have reported, ended or not.</summary>
    public static IReadOnlyList<WorkerFiles> In(string folder) => [.. Directory.EnumerateFiles(folder, $"*{FileEnding}")
        .Select(path => Path.GetFileNameWithoutExtension(path).Split('-'))
        .Where(parts => parts.Length == 2)
        .Select(parts => new WorkerFiles(
            folder, int.Parse(parts[0], CultureInfo.InvariantCulture), int.Parse(parts[1], CultureInfo.InvariantCulture)))];

    /// <summary>Replaces a file at once, so that nobody reads half of it.</summary>
    public static void Write(string path, string text)
    {
        var next = Next(path);
        File.WriteAllText(next, text);
        File.Move(next, path, overwrite: true);
    }

    /// <summary>What a file is called before it replaces the one of that path.</summary>
    public static string Next(string path) => $"{path}.next";

    private string PathOf(string ending) =>
        Path.Combine(Folder, string.Create(CultureInfo.InvariantCulture, $"{Number}-{Sequence}{ending}"));
}
