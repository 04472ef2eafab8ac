using System.Globalization;
using System.Text.RegularExpressions;

namespace Tienda.Data;

/// <summary>A folder with PostgreSQL's programs, and their major version.</summary>
public sealed partial record PostgresBinaries(string Folder, int Major)
{
    /// <summary>The oldest version that the SQL of this program runs on.</summary>
    public const int OldestMajor = 15;

    private const string HowToInstall =
        """
        Tienda found no PostgreSQL programs of version 15 or newer for its private database.
          Debian, Ubuntu   ./run.sh installs them, or: sudo apt-get install postgresql
                           (this also starts a database of the system's; ./run.sh installs the programs alone)
          Fedora           sudo dnf install postgresql-server
          macOS            brew install postgresql@17
        To use a PostgreSQL server instead, set POSTGRES_HOST.
        """;

    private static readonly string[] LibraryFolders = ["../lib", "../lib/postgresql", "../lib/pgsql", "../lib64/pgsql"];

    public string this[string program] => Path.Combine(Folder, program);

    /// <summary>True if the statistics of statements can be loaded.</summary>
    public bool HasStatementStatistics => LibraryFolders.Any(folder =>
        File.Exists(Path.Combine(Folder, folder, "pg_stat_statements.so"))
        || File.Exists(Path.Combine(Folder, folder, "pg_stat_statements.dylib")));

    /// <summary>The programs that match an existing cluster, or the newest.</summary>
    /// <param name="major">Major version of the cluster, or null if it is still to be made.</param>
    /// <exception cref="LocalPostgresException">There are none; the message says how to install them.</exception>
    public static async Task<PostgresBinaries> FindAsync(int? major, string searchPath, CancellationToken ct)
    {
        var found = new List<PostgresBinaries>();
        foreach (var folder in Candidates(searchPath).Distinct().Where(f => File.Exists(Path.Combine(f, "initdb"))))
        {
            if (await MajorAsync(folder, ct) is { } version and >= OldestMajor)
            {
                found.Add(new PostgresBinaries(folder, version));
            }
        }

        if (found.Count == 0)
        {
            throw new LocalPostgresException(HowToInstall);
        }

        var newest = found.MaxBy(binaries => binaries.Major)!;
        return major is null ? newest : found.Find(binaries => binaries.Major == major) ?? throw new LocalPostgresException(
            $"""
            The data were made by PostgreSQL {major}; installed is {newest.Major}, which cannot read them.
            Install PostgreSQL {major} beside it, or dump the data with {major} and restore them with {newest.Major}.
            """);
    }

    private static IEnumerable<string> Candidates(string searchPath) =>
    [
        .. Folders("/usr/lib/postgresql", "*"),
        .. Folders("/usr", "pgsql-*"),
        .. Folders("/opt/homebrew/opt", "postgresql*"),
        .. Folders("/usr/local/opt", "postgresql*"),
        .. searchPath.Split(':', StringSplitOptions.RemoveEmptyEntries),
    ];

    private static IEnumerable<string> Folders(string parent, string pattern) =>
        Directory.Exists(parent) ? Directory.GetDirectories(parent, pattern).Select(folder => Path.Combine(folder, "bin")) : [];

    // Debian and PostgreSQL's own packages name the version in the path, which saves asking a program at every start.
    private static async Task<int?> MajorAsync(string folder, CancellationToken ct)
    {
        var version = VersionInPath().Match(folder);
        if (!version.Success)
        {
            var (code, output) = await SystemAccount.Own.RunAsync(Path.Combine(folder, "postgres"), ["--version"], ct);
            version = code == 0 ? VersionInAnswer().Match(output) : Match.Empty;
        }

        return version.Success ? int.Parse(version.Groups[1].ValueSpan, CultureInfo.InvariantCulture) : null;
    }

    [GeneratedRegex(@"^/usr/(?:lib/postgresql/|pgsql-)(\d+)/bin$")]
    private static partial Regex VersionInPath();

    [GeneratedRegex(@"\(PostgreSQL\) (\d+)")]
    private static partial Regex VersionInAnswer();
}
