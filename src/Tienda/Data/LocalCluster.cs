using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Tienda.Data;

/// <summary>The folder of the private PostgreSQL: where it is, how it is made, and the server process on it.</summary>
public sealed class LocalCluster
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const string SocketFolderPrefix = "tienda-socket-";
    private const long LargeLogBytes = 10 * 1024 * 1024;

    // sockaddr_un holds 104 bytes on macOS and 108 on Linux, for the folder, /.s.PGSQL.5432 and a final zero.
    private const int LongestSocketFolder = 85;

    private static readonly TimeSpan ReadyPoll = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan OldBackendsPatience = TimeSpan.FromSeconds(10);

    private readonly SystemAccount _account;

    private LocalCluster(string folder, SystemAccount account)
    {
        Folder = folder;
        _account = account;
    }

    /// <summary>Where the cluster really is.</summary>
    public string Folder { get; }

    /// <summary>Where the socket is, or null if no server has been started since the last reboot.</summary>
    public string? SocketFolder => PostmasterFile.Read(Folder)?.SocketFolder;

    /// <summary>True if a server takes connections; only the program that started it can tell whether it still lives.</summary>
    public bool IsReady => PostmasterFile.Read(Folder) is { IsReady: true };

    private string PidFile => PostmasterFile.PathIn(Folder);

    private string Log => Path.Combine(Folder, "server.log");

    private int? Major => File.Exists(Path.Combine(Folder, "PG_VERSION"))
        ? int.Parse(File.ReadAllText(Path.Combine(Folder, "PG_VERSION")).Trim(), CultureInfo.InvariantCulture)
        : null;

    /// <summary>Decides where the cluster of a data folder is; it need not exist yet.</summary>
    public static async Task<LocalCluster> LocateAsync(string dataFolder, CancellationToken ct)
    {
        var wanted = Path.Combine(dataFolder, "postgres");
        var folder = LinkTarget(wanted) ?? wanted;
        var account = await SystemAccount.ForAsync(folder, ct);
        if (await account.CanReachAsync(Path.GetDirectoryName(folder)!, ct))
        {
            return new LocalCluster(folder, account);
        }

        if (Directory.Exists(folder))
        {
            throw new LocalPostgresException(
                $"The user {account.Name} cannot reach its data in {folder}: make every folder above it enterable (chmod a+x).");
        }

        // Root's home is closed to everybody else. A link keeps the data findable from here, and from where the folder may move to.
        var name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(wanted)))[..12];
        var elsewhere = Path.Combine("/var/lib/tienda", name);
        Directory.CreateDirectory("/var/lib/tienda");
        File.CreateSymbolicLink(wanted, elsewhere);
        return new LocalCluster(elsewhere, account);
    }

    private static string? LinkTarget(string path) =>
        new DirectoryInfo(path) is { LinkTarget: not null } link ? link.ResolveLinkTarget(returnFinalTarget: true)?.FullName : null;

    /// <summary>Makes the cluster if it is not there, and starts its server.</summary>
    public async Task<Process> StartAsync(int maxConnections, string searchPath, CancellationToken ct)
    {
        var binaries = await PostgresBinaries.FindAsync(Major, searchPath, ct);
        if (Major is null)
        {
            await CreateAsync(binaries, ct);
        }

        await EndOrphanAsync(binaries, ct);
        string[] arguments =
        [
            "-D", Folder, "-p", "5432", "-k", await MakeSocketFolderAsync(ct),
            "-c", "listen_addresses=", "-c", "unix_socket_permissions=0700", "-c", $"max_connections={maxConnections}",
            "-c", "shared_preload_libraries=" + (binaries.HasStatementStatistics ? "pg_stat_statements" : ""),
        ];
        var patience = Stopwatch.StartNew();
        while (true)
        {
            var before = PostmasterFile.Read(Folder);
            var logged = RotateLog();
            var server = _account.StartApart(Log, binaries["postgres"], arguments);
            if (await BecomesReadyAsync(server, before, ct))
            {
                return server;
            }

            server.Dispose();
            var lines = LogSince(logged);
            // Connections of a server that was killed end a moment after it.
            if (!lines.Contains("shared memory block", StringComparison.Ordinal) || patience.Elapsed > OldBackendsPatience)
            {
                throw new LocalPostgresException($"The private PostgreSQL in {Folder} does not start:\n{lines}");
            }

            await Task.Delay(ReadyPoll * 5, ct);
        }
    }

    /// <summary>Stops the server: connections end, nothing is lost.</summary>
    public async Task StopAsync(string searchPath, CancellationToken ct)
    {
        var binaries = await PostgresBinaries.FindAsync(Major, searchPath, ct);
        await StopAsync(binaries, ct);
    }

    private async Task StopAsync(PostgresBinaries binaries, CancellationToken ct)
    {
        var sockets = SocketFolder;
        if (File.Exists(PidFile))
        {
            var (code, _) = await _account.RunAsync(binaries["pg_ctl"], ["stop", "-w", "-t", "60", "-m", "fast", "-D", Folder], ct);
            if (code != 0 && File.Exists(PidFile))
            {
                await _account.RunAsync(binaries["pg_ctl"], ["stop", "-w", "-m", "immediate", "-D", Folder], ct);
            }
        }

        RemoveSocketFolder(sockets);
    }

    private async Task CreateAsync(PostgresBinaries binaries, CancellationToken ct)
    {
        if (OperatingSystem.IsWindows())
        {
            throw new LocalPostgresException("The private PostgreSQL needs unix sockets and users: on Windows set POSTGRES_HOST.");
        }

        if (Directory.Exists(Folder) && Directory.EnumerateFileSystemEntries(Folder).Any())
        {
            throw new LocalPostgresException($"The folder {Folder} holds files, but no PostgreSQL data: move them away first.");
        }

        // Made beside its place and moved there when it is whole and on disk: a start that is cut short leaves nothing
        // that looks like data.
        var unfinished = Folder + ".unfinished";
        foreach (var locale in new[] { "C.UTF-8", "C" })
        {
            DeleteFolder(unfinished);
            Directory.CreateDirectory(unfinished, OwnerOnly);
            await _account.TakeOverAsync(unfinished, ct);
            var (code, output) = await _account.RunAsync(
                binaries["initdb"], ["-D", unfinished, "-U", "tienda", "--auth=trust", "-E", "UTF8", "--locale=" + locale], ct);
            if (code == 0)
            {
                break;
            }

            if (locale == "C" || !output.Contains("locale", StringComparison.Ordinal))
            {
                DeleteFolder(unfinished);
                throw new LocalPostgresException($"PostgreSQL's initdb cannot make {Folder}:\n{output}");
            }
        }

        await File.AppendAllTextAsync(
            Path.Combine(unfinished, "postgresql.conf"),
            $"""

            # By Tienda, once: change these as you like. Connections, socket and preloaded libraries are set at each start.
            # An eighth of the memory, from 64 MB to 1 GB.
            shared_buffers = {SharedBuffersMegabytes(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)}MB
            max_wal_size = 512MB

            """,
            ct);
        DeleteFolder(Folder);
        Directory.Move(unfinished, Folder);
    }

    private static long SharedBuffersMegabytes(long memory) => Math.Clamp(memory / 8 / 1024 / 1024, 64, 1024);

    /// <summary>Stops the server that a killed program left, and removes what would keep a new one from starting.</summary>
    private async Task EndOrphanAsync(PostgresBinaries binaries, CancellationToken ct)
    {
        if (PostmasterFile.Read(Folder) is not { } left || await left.ReadCommandAsync(ct) is not { } command)
        {
            // Either there was none, or PostgreSQL itself sees that it is gone. It also looks for connections that outlived it.
            return;
        }

        if (command.Contains(Folder, StringComparison.Ordinal))
        {
            await StopAsync(binaries, ct);
        }
        else
        {
            // Since a reboot the number is another program's (or a zombie's), which PostgreSQL would take for a running server.
            File.Delete(PidFile);
        }
    }

    private async Task<bool> BecomesReadyAsync(Process server, PostmasterFile? before, CancellationToken ct)
    {
        // A server that was killed leaves its file, in which it is ready.
        while (PostmasterFile.Read(Folder) is not { IsReady: true } file || file.IsSameAs(before))
        {
            if (server.HasExited)
            {
                return false;
            }

            await Task.Delay(ReadyPoll, ct);
        }

        return true;
    }

    private async Task<string> MakeSocketFolderAsync(CancellationToken ct)
    {
        RemoveSocketFolder(SocketFolder);
        if (Encoding.UTF8.GetByteCount(Folder) <= LongestSocketFolder)
        {
            return Folder;
        }

        var folder = Directory.CreateTempSubdirectory(SocketFolderPrefix).FullName;
        await _account.TakeOverAsync(folder, ct);
        return folder;
    }

    private static void RemoveSocketFolder(string? folder)
    {
        if (folder is not null && Path.GetFileName(folder).StartsWith(SocketFolderPrefix, StringComparison.Ordinal))
        {
            DeleteFolder(folder);
        }
    }

    private static void DeleteFolder(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private long RotateLog()
    {
        var log = new FileInfo(Log);
        if (log is { Exists: true, Length: > LargeLogBytes })
        {
            log.MoveTo(Log + ".1", overwrite: true);
            return 0;
        }

        return log.Exists ? log.Length : 0;
    }

    private string LogSince(long position)
    {
        if (!File.Exists(Log))
        {
            return "(it wrote no log)";
        }

        using var stream = new FileStream(Log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        stream.Position = Math.Min(position, stream.Length);
        using var reader = new StreamReader(stream);
        return string.Join('\n', reader.ReadToEnd().TrimEnd().Split('\n').TakeLast(15));
    }
}
