namespace Tienda.Hosting.Workers;

/// <summary>How long the next start of a process waits that fails again and again.</summary>
public static class RestartPause
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    /// <summary>Half a second after the first failure, then twice as long each time, up to 30 s; nothing if there was none.</summary>
    public static TimeSpan After(int failures) => failures < 1 ? TimeSpan.Zero
        : TimeSpan.FromSeconds(Math.Min(Longest.TotalSeconds, First.TotalSeconds * Math.Pow(2, failures - 1)));
}
