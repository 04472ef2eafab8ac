using System.Collections;
using Tienda.Caching;
using Tienda.Hosting.Workers;
using Tienda.Telemetry;

namespace Tienda.Hosting;

/// <summary>The settings are wrong; the message lists every mistake.</summary>
public sealed class SettingsException(string message) : Exception(message);

/// <summary>Every setting of the program, read once at start. docs/configuration.md has the same table for people.</summary>
public sealed record Settings
{
    /// <summary>Address to listen on (HOST, API_HOST, UVICORN_HOST).</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>Port to listen on, 0 for any free one (PORT, API_PORT, UVICORN_PORT).</summary>
    public int Port { get; init; } = 8000;

    /// <summary>The database server (POSTGRES_HOST and its siblings), or null until the private one has started.</summary>
    public PostgresServer? Postgres { get; init; }

    /// <summary>True if POSTGRES_HOST is unset: the program runs a private PostgreSQL of its own.</summary>
    public bool EmbeddedPostgres { get; init; }

    /// <summary>Whether replicas are named (POSTGRES_READ_HOSTS), which this version does not ask.</summary>
    public bool HasReadHosts { get; init; }

    /// <summary>Folder of everything that the embedded mode keeps: ./data.</summary>
    public string DataFolder { get; init; } = Path.GetFullPath("data");

    /// <summary>Where the embedded mode looks for PostgreSQL's programs, after the usual folders (PATH).</summary>
    public string SearchPath { get; init; } = "";

    /// <summary>Connections that the pool is meant to hold (DB_POOL_SIZE).</summary>
    public int PoolSize { get; init; } = 50;

    /// <summary>Connections beyond that under load (DB_MAX_OVERFLOW).</summary>
    public int PoolMaxOverflow { get; init; } = 100;

    /// <summary>Seconds that a request waits for a connection (DB_POOL_TIMEOUT).</summary>
    public int PoolTimeoutSeconds { get; init; } = 10;

    /// <summary>Seconds after which a connection is replaced (DB_POOL_RECYCLE).</summary>
    public int PoolRecycleSeconds { get; init; } = 3600;

    /// <summary>
    /// Whether a connection that broke while it lay in the pool is noticed before a request suffers from it (DB_POOL_PRE_PING).
    /// </summary>
    public bool PoolPrePing { get; init; } = true;

    /// <summary>Seconds that a request may spend with the database once it has a connection; no variable sets it.</summary>
    public int DatabasePatienceSeconds { get; init; } = 17;

    /// <summary>Seconds after which a connection beyond PoolSize closes if nobody has needed it; no variable sets it.</summary>
    public int PoolIdleSeconds { get; init; } = 60;

    /// <summary>How long an export may take; no variable sets it.</summary>
    public TimeSpan LongestExport { get; init; } = TimeSpan.FromHours(1);

    /// <summary>What the pool is called in metrics; no variable sets it.</summary>
    public string PoolName { get; init; } = "tienda";

    /// <summary>Lowest level of log lines (LOG_LEVEL, else UVICORN_LOG_LEVEL).</summary>
    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    /// <summary>True for one JSON object per log line (LOG_FORMAT=json).</summary>
    public bool JsonLogs { get; init; }

    /// <summary>Whether requests are logged (ACCESS_LOG).</summary>
    public bool AccessLog { get; init; } = true;

    /// <summary>Seconds that running requests get to finish when the program stops (SHUTDOWN_TIMEOUT).</summary>
    public int ShutdownTimeoutSeconds { get; init; } = 30;

    /// <summary>Seconds between the first word of a stop, by /health/ready, and the end of new connections (SHUTDOWN_DELAY).</summary>
    public int ShutdownDelaySeconds { get; init; }

    /// <summary>Processes that share the listening socket (WORKERS, UVICORN_WORKERS).</summary>
    public int Workers { get; init; } = 1;

    /// <summary>Requests after which a worker is replaced, or null for never (LIMIT_MAX_REQUESTS).</summary>
    public int? MaxRequests { get; init; }

    /// <summary>What the supervisor has told this process, or null if it has none.</summary>
    public WorkerPlace? Place { get; init; }

    /// <summary>Whether systemd has opened the listening socket (LISTEN_PID and LISTEN_FDS, sd_listen_fds(3)).</summary>
    public bool HasSystemdSocket { get; init; }

    /// <summary>ISO 4217 code of the shop's one currency (CURRENCY).</summary>
    public string Currency { get; init; } = "USD";

    /// <summary>Redis (REDIS_HOST and its siblings), or null to do without.</summary>
    public RedisAddress? Redis { get; init; }

    /// <summary>Whether requests are limited (RATE_LIMIT_ENABLED). The guessing of passwords is slowed in any case.</summary>
    public bool RateLimitEnabled { get; init; } = true;

    /// <summary>Requests of one address or account in a window (RATE_LIMIT_CALLS).</summary>
    public int RateLimitCalls { get; init; } = 100;

    /// <summary>Length of a window in seconds (RATE_LIMIT_PERIOD).</summary>
    public int RateLimitPeriodSeconds { get; init; } = 60;

    /// <summary>Wrong passwords in a minute for one account; no variable sets it.</summary>
    public int WrongPasswordsPerAccount { get; init; } = 5;

    /// <summary>Wrong passwords in a minute from one address; no variable sets it.</summary>
    public int WrongPasswordsPerAddress { get; init; } = 20;

    /// <summary>False opens everything to everybody (AUTH_ENABLED).</summary>
    public bool AuthEnabled { get; init; } = true;

    /// <summary>True accepts that on a public address in production (AUTH_DISABLED_I_KNOW).</summary>
    public bool AuthDisabledIKnow { get; init; }

    /// <summary>Signs access tokens, at least 32 bytes (JWT_SECRET).</summary>
    public string? JwtSecret { get; init; }

    /// <summary>Whoever sends it is an administrator (ADMIN_API_KEY).</summary>
    public string? AdminApiKey { get; init; }

    /// <summary>The first administrator who signs in as a person (ADMIN_EMAIL), or null for none.</summary>
    public string? AdminEmail { get; init; }

    /// <summary>The password that this administrator begins with (ADMIN_PASSWORD).</summary>
    public string? AdminPassword { get; init; }

    /// <summary>How often a password is hashed over; no variable sets it.</summary>
    public int PasswordIterations { get; init; } = Security.Passwords.Iterations;

    /// <summary>Proxies, browsers and loads: what happens before a route sees a request.</summary>
    public FrontDoor FrontDoor { get; init; } = new();

    public CacheSettings Cache { get; init; } = new();

    /// <summary>Days after which edits leave the history of a product, or 0 to keep them (PRODUCT_HISTORY_DAYS).</summary>
    public int ProductHistoryDays { get; init; } = 365;

    public TelemetrySettings Telemetry { get; init; } = new();

    public LogSettings Log { get; init; } = new();

    private const int ShortestJwtSecret = 32;
    private const int ShortestApiKey = 16;

    private static readonly string[] DefaultFiles = [".env.production", ".env"];

    // Between a process and those that started it.
    private static readonly string[] NotForPeople = ["PATH", WorkerPlace.Variable, "LISTEN_PID", "LISTEN_FDS"];

    private static readonly string[] HostNames = ["HOST", "API_HOST", "UVICORN_HOST"];

    // Python's names too, since the settings files of older installations carry them.
    private static readonly Dictionary<string, LogLevel> LogLevels = new()
    {
        ["debug"] = LogLevel.Debug,
        ["info"] = LogLevel.Information,
        ["warning"] = LogLevel.Warning,
        ["error"] = LogLevel.Error,
        ["critical"] = LogLevel.Critical,
        ["trace"] = LogLevel.Trace,
        ["information"] = LogLevel.Information,
        ["warn"] = LogLevel.Warning,
        ["fatal"] = LogLevel.Critical,
        ["notset"] = LogLevel.Trace,
    };

    private static readonly Dictionary<string, bool> LogFormats = new() { ["text"] = false, ["json"] = true };

    /// <summary>Reads the settings for a start in the present folder.</summary>
    /// <param name="options">What the command line set, by the name of the variable that it overrides.</param>
    /// <param name="file">The settings file that was asked for, or null for .env.production or .env if there is one.</param>
    /// <exception cref="SettingsException">A value is not accepted; all of them are named.</exception>
    public static Settings Load(IReadOnlyDictionary<string, string> options, string? file) => Read(ReaderOf(options, file));

    /// <summary>The settings as <see cref="Load"/> reads them, each with its source.</summary>
    /// <exception cref="SettingsException">A value is not accepted; all of them are named.</exception>
    public static IReadOnlyList<EffectiveSetting> Explain(IReadOnlyDictionary<string, string> options, string? file)
    {
        var reader = ReaderOf(options, file);
        Read(reader);
        return [.. reader.Effective.Where(setting => !NotForPeople.Contains(setting.Name))];
    }

    private static SettingsReader ReaderOf(IReadOnlyDictionary<string, string> options, string? file)
    {
        var sources = new List<SettingsSource> { new("command line", options), new("environment", Environment()) };
        file ??= DefaultFiles.FirstOrDefault(File.Exists);
        if (file is not null)
        {
            sources.Add(new SettingsSource(file, ReadFile(file)));
        }

        // What nobody has set and a start has made is the weakest of all.
        var secrets = SecretsFile.PathIn(new Settings());
        if (File.Exists(secrets))
        {
            sources.Add(new SettingsSource(Path.GetRelativePath(".", secrets), ReadFile(secrets)));
        }

        return new SettingsReader(sources);
    }

    public static Settings Read(SettingsReader read)
    {
        var defaults = new Settings();
        var settings = new Settings
        {
            Host = read.TextOr(HostNames, defaults.Host),
            Port = read.Whole(["PORT", "API_PORT", "UVICORN_PORT"], defaults.Port, 0, 65535),
            SearchPath = read.TextOr("PATH", defaults.SearchPath),
            PoolSize = read.Whole(["DB_POOL_SIZE"], defaults.PoolSize, 1, 10_000),
            PoolMaxOverflow = read.Whole(["DB_MAX_OVERFLOW"], defaults.PoolMaxOverflow, 0, 10_000),
            PoolTimeoutSeconds = read.Whole(["DB_POOL_TIMEOUT"], defaults.PoolTimeoutSeconds, 1, 600),
            PoolRecycleSeconds = read.Whole(["DB_POOL_RECYCLE"], defaults.PoolRecycleSeconds, 1, 86_400 * 365),
            PoolPrePing = read.Flag("DB_POOL_PRE_PING", defaults.PoolPrePing),
            LogLevel = read.Choice(["LOG_LEVEL", "UVICORN_LOG_LEVEL"], defaults.LogLevel, LogLevels),
            JsonLogs = read.Choice(["LOG_FORMAT"], defaults.JsonLogs, LogFormats),
            AccessLog = read.Flag("ACCESS_LOG", defaults.AccessLog),
            ShutdownTimeoutSeconds = read.Whole(["SHUTDOWN_TIMEOUT"], defaults.ShutdownTimeoutSeconds, 1, 3600),
            ShutdownDelaySeconds = read.Whole(["SHUTDOWN_DELAY"], defaults.ShutdownDelaySeconds, 0, 600),
            Workers = read.Whole(["WORKERS", "UVICORN_WORKERS"], defaults.Workers, 1, 64),
            MaxRequests = read.Whole(["LIMIT_MAX_REQUESTS"], 0, 1, int.MaxValue) is > 0 and var most ? most : null,
            Place = read.Text(WorkerPlace.Variable) is { } place ? WorkerPlace.Parse(place) : null,
            HasSystemdSocket = read.Whole(["LISTEN_PID"], 0, 0, int.MaxValue) == System.Environment.ProcessId
                && read.Whole(["LISTEN_FDS"], 0, 0, int.MaxValue) > 0,
            Currency = read.TextOr("CURRENCY", defaults.Currency),
            Redis = RedisAddress.Read(read),
            RateLimitEnabled = read.Flag("RATE_LIMIT_ENABLED", defaults.RateLimitEnabled),
            RateLimitCalls = read.Whole(["RATE_LIMIT_CALLS"], defaults.RateLimitCalls, 1, 1_000_000),
            RateLimitPeriodSeconds = read.Whole(["RATE_LIMIT_PERIOD"], defaults.RateLimitPeriodSeconds, 1, 86_400),
            AuthEnabled = read.Flag("AUTH_ENABLED", defaults.AuthEnabled),
            AuthDisabledIKnow = read.Flag("AUTH_DISABLED_I_KNOW", defaults.AuthDisabledIKnow),
            JwtSecret = read.Secret("JWT_SECRET", ShortestJwtSecret),
            AdminApiKey = read.Secret("ADMIN_API_KEY", ShortestApiKey),
            AdminEmail = read.Text("ADMIN_EMAIL"),
            AdminPassword = read.Secret("ADMIN_PASSWORD", Security.Passwords.MinimumLength, Security.Passwords.MaximumLength),
            FrontDoor = FrontDoor.Read(read),
            Cache = CacheSettings.Read(read),
            ProductHistoryDays = read.Whole(["PRODUCT_HISTORY_DAYS"], defaults.ProductHistoryDays, 0, 36_500),
            Telemetry = TelemetrySettings.Read(read),
            Log = LogSettings.Read(read),
            Postgres = PostgresServer.Read(read),
            HasReadHosts = read.Text("POSTGRES_READ_HOSTS") is not null,
        };

        settings = settings with { EmbeddedPostgres = settings.Postgres is null };
        if (settings.Currency is not { Length: 3 } currency || !currency.All(char.IsAsciiLetterUpper))
        {
            read.Refuse("CURRENCY", "the three capital letters of an ISO 4217 code, such as USD");
        }

        if (settings.AdminEmail is { } email && !new Clients.EmailAttribute().IsValid(email))
        {
            read.Refuse("ADMIN_EMAIL", "an e-mail address");
        }

        if (settings.AdminEmail is null != settings.AdminPassword is null)
        {
            read.Refuse("ADMIN_EMAIL", "an e-mail address together with ADMIN_PASSWORD");
            read.RefuseSecret("ADMIN_PASSWORD", "a password together with ADMIN_EMAIL");
        }

        if (!System.Net.IPAddress.TryParse(settings.Host, out _) && settings.Host != "localhost")
        {
            foreach (var name in HostNames)
            {
                read.Refuse(name, "an IP address of this machine, 0.0.0.0 for all, or localhost");
            }
        }

        return read.Mistakes.Count == 0
            ? settings
            : throw new SettingsException(string.Join('\n', read.Mistakes));
    }

    /// <summary>Nothing, since some of the settings are secrets.</summary>
    public override string ToString() => nameof(Settings);

    private static IReadOnlyDictionary<string, string> ReadFile(string path)
    {
        try
        {
            return EnvironmentFile.Parse(File.ReadAllText(path));
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or FormatException)
        {
            throw new SettingsException($"The settings file {path} cannot be read: {unreadable.Message}");
        }
    }

    private static Dictionary<string, string> Environment() => System.Environment.GetEnvironmentVariables()
        .Cast<DictionaryEntry>()
        .ToDictionary(variable => (string)variable.Key, variable => (string?)variable.Value ?? "");
}
