using System.ComponentModel;
using System.Diagnostics;

namespace Tienda.Data;

/// <summary>The user that PostgreSQL's programs run as: this one, or, since PostgreSQL refuses root, another for root.</summary>
/// <param name="Name">The other user's name, or null for this one.</param>
public sealed record SystemAccount(string? Name)
{
    /// <summary>The user of PostgreSQL's packages.</summary>
    public const string Postgres = "postgres";

    /// <summary>The user of this program.</summary>
    public static readonly SystemAccount Own = new((string?)null);

    /// <summary>The user to run a cluster as: its owner, or <see cref="Postgres"/> if it is still to be made.</summary>
    public static async Task<SystemAccount> ForAsync(string cluster, CancellationToken ct)
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return Own;
        }

        if (Directory.Exists(cluster) && await Own.RunAsync("stat", ["-c", "%U", cluster], ct) is (0, var answer)
            && answer.Trim() is var owner and not ("root" or "UNKNOWN"))
        {
            return new SystemAccount(owner);
        }

        return (await Own.RunAsync("id", [Postgres], ct)).Code == 0 ? new SystemAccount(Postgres) : throw new LocalPostgresException(
            $"PostgreSQL refuses to run as root, and there is no user {Postgres} to run it as. "
            + $"Start Tienda as an ordinary user, or make that user: useradd --system {Postgres}");
    }

    /// <summary>Gives a folder and what is in it to this user.</summary>
    public async Task TakeOverAsync(string folder, CancellationToken ct)
    {
        if (Name is not null && await Own.RunAsync("chown", ["-R", Name, folder], ct) is (not 0, var output))
        {
            throw new LocalPostgresException($"The folder {folder} cannot be given to the user {Name}: {output}");
        }
    }

    public async Task<bool> CanReachAsync(string folder, CancellationToken ct) =>
        Name is null || (await RunAsync("test", ["-x", folder], ct)).Code == 0;

    /// <summary>
    /// Runs a program to its end, in the folder <c>/</c>. It must leave no process behind that keeps its output open.
    /// </summary>
    /// <param name="environment">Variables that it finds beside those of this process; null stands for none.</param>
    public async Task<(int Code, string Output)> RunAsync(
        string program, string[] arguments, CancellationToken ct, IReadOnlyDictionary<string, string?>? environment = null)
    {
        using var process = Start(["/bin/sh", "-c", "exec \"$@\" 2>&1", "sh", program, .. arguments], output: true, environment);
        var output = await process.StandardOutput.ReadToEndAsync(ct);
        await process.WaitForExitAsync(ct);
        return (process.ExitCode, output.Trim());
    }

    /// <summary>Starts a program in a session of its own, so that Ctrl+C in the terminal does not reach it. It writes to a file.</summary>
    public Process StartApart(string log, string program, string[] arguments)
    {
        // Not even the wrappers may keep this program's output open: whoever reads it waits for its end.
        string[] silent = ["/bin/sh", "-c", "exec \"$@\" >/dev/null 2>&1 </dev/null", "sh"];
        string[] apart = File.Exists("/usr/bin/setsid") || File.Exists("/bin/setsid")
            ? ["setsid"]
            : ["perl", "-e", "use POSIX; POSIX::setsid(); exec @ARGV;"];
        string[] logging = ["/bin/sh", "-c", "umask 077; exec \"$@\" >>\"$0\" 2>&1", log];
        return Start([.. logging, program, .. arguments], output: false, null, [.. silent, .. apart]);
    }

    private Process Start(
        string[] command, bool output, IReadOnlyDictionary<string, string?>? environment = null, params string[] wrapper)
    {
        string[] line = Name is null ? [.. wrapper, .. command] : [.. wrapper, "runuser", "-u", Name, "--", .. command];
        // The present folder may be one that the other user cannot enter.
        var start = new ProcessStartInfo(line[0], line[1..]) { WorkingDirectory = "/", RedirectStandardOutput = output };
        foreach (var (name, value) in environment?.Where(variable => variable.Value is not null) ?? [])
        {
            start.Environment[name] = value;
        }

        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception missing)
        {
            throw new LocalPostgresException($"The program {line[0]} cannot be started: {missing.Message}");
        }
    }
}
