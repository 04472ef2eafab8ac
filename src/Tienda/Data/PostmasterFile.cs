namespace Tienda.Data;

/// <summary>The file in which a running PostgreSQL says how it is; one that was killed leaves it behind.</summary>
/// <param name="Lines">Process, data folder, start time, port, socket folder, address, shared memory, state.</param>
public sealed record PostmasterFile(string[] Lines)
{
    public string Process => Lines[0];

    public string? SocketFolder => Lines.ElementAtOrDefault(4);

    public bool IsReady => Lines.Length >= 8 && Lines[7].Trim() == "ready";

    /// <summary>Reads the file of a cluster, or answers null if there is none.</summary>
    public static PostmasterFile? Read(string cluster)
    {
        try
        {
            return File.ReadAllLines(PathIn(cluster)) is { Length: > 0 } lines ? new PostmasterFile(lines) : null;
        }
        catch (Exception none) when (none is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    public static string PathIn(string cluster) => Path.Combine(cluster, "postmaster.pid");

    public bool IsSameAs(PostmasterFile? other) => other is not null && Lines.SequenceEqual(other.Lines);

    /// <summary>The command line of the process, empty if it is a zombie, null if there is none.</summary>
    public async Task<string?> ReadCommandAsync(CancellationToken ct)
    {
        if (!Directory.Exists("/proc/self"))
        {
            var (code, command) = await SystemAccount.Own.RunAsync("ps", ["-o", "command=", "-p", Process], ct);
            return code == 0 ? command : null;
        }

        try
        {
            return await File.ReadAllTextAsync($"/proc/{Process}/cmdline", ct);
        }
        catch (IOException)
        {
            return null;
        }
    }
}
