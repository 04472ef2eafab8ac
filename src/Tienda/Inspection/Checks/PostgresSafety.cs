using System.Globalization;
using Tienda.Data.Monitoring;
using Tienda.Hosting;

namespace Tienda.Inspection.Checks;

/// <summary>What keeps orders safe that were answered: settings, copies, room on the disk.</summary>
public static class PostgresSafety
{
    private const long UsualBuffers = 128L * 1024 * 1024;
    private const double LagWarnSeconds = 10;
    private const double LagFailSeconds = 300;
    private const double LeastFreePercent = 20;
    private const double TooLittleFreePercent = 10;

    public static void Add(CheckList.Section checks, Settings settings, ServerState state)
    {
        const string Destroyed = "A crash of the machine can destroy the database: set it on.";
        AddSetting(checks, state, "fsync", value => value == "on", Destroyed);
        AddSetting(checks, state, "full_page_writes", value => value == "on", Destroyed);
        AddSetting(
            checks, state, "synchronous_commit", value => value is "on" or "local" or "remote_write" or "remote_apply",
            "A crash can lose orders that were answered: set it on.");
        AddBuffers(checks, settings, state);
        AddFollowers(checks, state);
        AddDisk(checks, settings, state);
        if (state.Setting("archive_mode") is "on" or "always")
        {
            checks.Add(
                "archive", "Last file of the archive", state.LastArchived is null ? Verdict.Warn : Verdict.Pass,
                Screen.Ago(state.LastArchived), "one",
                "archive_mode is on, and nothing has been archived: look at archive_command, and at the server's log.");
        }
    }

    private static void AddSetting(CheckList.Section checks, ServerState state, string name, Func<string, bool> isSafe, string advice)
    {
        var value = state.Setting(name) ?? "unknown";
        checks.Add(name, name, isSafe(value) ? Verdict.Pass : Verdict.Fail, value, "on", advice);
    }

    private static void AddBuffers(CheckList.Section checks, Settings settings, ServerState state)
    {
        var bytes = Bytes(state, "shared_buffers");
        // Of a server elsewhere it is not known how much memory it has; what everybody begins with is too little for a server of its own.
        var isHere = SettingsChecks.IsThisMachine(settings.Postgres!.Host);
        var all = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        var isGood = settings.EmbeddedPostgres
            || (isHere ? bytes >= Math.Min(all / 20, 8 * UsualBuffers) && bytes <= all / 2 : bytes > UsualBuffers);
        checks.Add(
            "shared_buffers", "shared_buffers", isGood ? Verdict.Pass : Verdict.Warn, Screen.Bytes(bytes), "about a quarter of its memory",
            $"As it comes PostgreSQL uses {Screen.Bytes(UsualBuffers)}, whatever the machine has. Set it to a quarter of that.");
    }

    private static void AddFollowers(CheckList.Section checks, ServerState state)
    {
        foreach (var follower in state.Followers)
        {
            var behind = follower.BehindSeconds ?? 0;
            var verdict = follower.State != "streaming" || behind >= LagWarnSeconds
                ? behind >= LagFailSeconds ? Verdict.Fail : Verdict.Warn
                : Verdict.Pass;
            checks.Add(
                "replication_lag", $"Stand-by {follower.Name}", verdict,
                $"{follower.State}, {Screen.Age(behind)} and {Screen.Bytes(follower.BehindBytes)} behind",
                $"streaming, < {LagWarnSeconds} s behind",
                "Until it has caught up it is no copy to rely on: look at its log and at the network.");
        }
    }

    // The directory is told to superusers and to members of pg_read_all_settings.
    private static void AddDisk(CheckList.Section checks, Settings settings, ServerState state)
    {
        var folder = SettingsChecks.IsThisMachine(settings.Postgres!.Host) ? state.Setting("data_directory") : null;
        if (folder is null || FreePercent(folder) is not { } disk)
        {
            return;
        }

        checks.Add(
            "disk", "Disk of the database",
            disk.Percent >= LeastFreePercent ? Verdict.Pass : disk.Percent >= TooLittleFreePercent ? Verdict.Warn : Verdict.Fail,
            $"{Screen.Percent(disk.Percent)} free, {Screen.Bytes(disk.Free)}", $"> {LeastFreePercent} % free",
            "On a full disk PostgreSQL stops. `tienda db size` shows what takes room; slots and a failing archive keep old WAL.");
    }

    private static (double Percent, long Free)? FreePercent(string folder)
    {
        try
        {
            var drive = new DriveInfo(folder);
            return (100.0 * drive.AvailableFreeSpace / drive.TotalSize, drive.AvailableFreeSpace);
        }
        catch (Exception elsewhere) when (elsewhere is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // 127.0.0.1 can lead into a container.
            return null;
        }
    }

    private static long Bytes(ServerState state, string name)
    {
        var (value, unit) = state.Settings[name];
        return long.Parse(value, CultureInfo.InvariantCulture) * (unit switch { "8kB" => 8192, "kB" => 1024, "MB" => 1024 * 1024, _ => 1 });
    }
}
