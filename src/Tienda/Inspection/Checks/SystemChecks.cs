using System.Globalization;
using System.Runtime.InteropServices;
using Tienda.Hosting;

namespace Tienda.Inspection.Checks;

/// <summary>The machine that the shop runs on, which is taken to be this one.</summary>
public static partial class SystemChecks
{
    private const long EnoughFiles = 4096;
    private const long WorkerMegabytes = 200;

    // adjtimex(2): what it answers for a clock that nobody keeps right.
    private const int ClockNotKept = 5;

    // struct timex has 208 bytes on 64-bit systems; the first field, zero, asks to change nothing.
    private const int ClockStateBytes = 512;

    public static void Add(CheckList list, Settings settings, int cores)
    {
        var checks = list.Of("system");
        checks.Add(
            "cores", "CPU cores", cores < 2 ? Verdict.Warn : Verdict.Pass, Screen.Whole(cores), "2 or more; the guide's example: 4",
            "On one core the shop, PostgreSQL and Redis take turns.");
        if (OpenFiles() is { } files)
        {
            var needed = GuideTargets.Users + settings.PoolSize + settings.PoolMaxOverflow + 200;
            checks.Add(
                "open_files", "Open files, each process", files < needed ? Verdict.Fail : files < EnoughFiles ? Verdict.Warn : Verdict.Pass,
                files == long.MaxValue ? "no limit" : Screen.Whole(files), $"{Screen.Whole(EnoughFiles)} or more",
                $"A connection is a file: {GuideTargets.Users} users and the pool need {needed}. "
                + "Raise it: `ulimit -n 65536` before the start, or LimitNOFILE=65536 of systemd.");
        }

        if (AvailableMemory() is { } memory)
        {
            var needed = settings.Workers * (settings.Cache.MemoryMegabytes + WorkerMegabytes) * 1024 * 1024;
            checks.Add(
                "memory", "Memory available", memory < needed ? Verdict.Warn : Verdict.Pass, Screen.Bytes(memory),
                $"{Screen.Bytes(needed)} with WORKERS={settings.Workers}",
                $"Each worker takes about {WorkerMegabytes} MiB and CACHE_MEMORY_MB ({settings.Cache.MemoryMegabytes}). "
                + "Have fewer of them, or give the cache less.");
        }

        if (Backlog() is { } backlog && backlog < settings.FrontDoor.Backlog)
        {
            checks.Add(
                "somaxconn", "net.core.somaxconn", backlog < GuideTargets.Users ? Verdict.Warn : Verdict.Pass, Screen.Whole(backlog),
                $"{GuideTargets.Users} or more; BACKLOG is {Screen.Whole(settings.FrontDoor.Backlog)}",
                $"Linux cuts BACKLOG to it: sysctl -w net.core.somaxconn={settings.FrontDoor.Backlog}");
        }

        if (IsClockKept() is { } kept)
        {
            checks.Add(
                "clock", "Clock kept right", kept ? Verdict.Pass : Verdict.Warn, kept ? "yes" : "no", "yes",
                "No time service keeps this clock right, and tokens, bills and logs carry its time: install chrony or systemd-timesyncd. "
                + "In a container the host may keep it without saying so.");
        }
    }

    // The runtime has raised the soft limit to the hard one when it started, as it does for the shop.
    private static long? OpenFiles()
    {
        const string Line = "Max open files";
        if (Read("/proc/self/limits")?.FirstOrDefault(line => line.StartsWith(Line, StringComparison.Ordinal)) is not { } limit)
        {
            return null;
        }

        var soft = limit[Line.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
        return soft == "unlimited" ? long.MaxValue : long.Parse(soft, CultureInfo.InvariantCulture);
    }

    // The smaller of what the machine has left and what a container may have.
    private static long? AvailableMemory()
    {
        var line = Read("/proc/meminfo")?.FirstOrDefault(fact => fact.StartsWith("MemAvailable:", StringComparison.Ordinal));
        return line is null
            ? null
            : Math.Min(
                long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024,
                GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
    }

    private static long? Backlog() =>
        Read("/proc/sys/net/core/somaxconn") is [var line, ..] ? long.Parse(line, CultureInfo.InvariantCulture) : null;

    private static string[]? Read(string file)
    {
        try
        {
            return File.ReadAllLines(file);
        }
        catch (Exception elsewhere) when (elsewhere is IOException or UnauthorizedAccessException)
        {
            // Not Linux, or hidden from a container.
            return null;
        }
    }

    private static bool? IsClockKept()
    {
        if (!OperatingSystem.IsLinux() || !Environment.Is64BitProcess)
        {
            return null;
        }

        Span<byte> state = stackalloc byte[ClockStateBytes];
        state.Clear();
        return adjtimex(ref MemoryMarshal.GetReference(state)) switch
        {
            < 0 => null,
            ClockNotKept => false,
            _ => true,
        };
    }

    [LibraryImport("libc")]
    private static partial int adjtimex(ref byte state);
}
