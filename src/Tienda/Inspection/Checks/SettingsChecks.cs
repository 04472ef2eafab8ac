using System.Globalization;
using System.Net;
using Tienda.Data;
using Tienda.Hosting;

namespace Tienda.Inspection.Checks;

/// <summary>The lines that the settings alone decide.</summary>
public static class SettingsChecks
{
    private const double StrongBits = 100;
    private const double DecentBits = 40;
    private const int WidestTrustedBits = 8;
    private const int ShortestCacheSeconds = 60;

    public static void Add(CheckList list, Settings settings, int cores)
    {
        var checks = list.Of("settings");
        checks.Add(
            "database_of_its_own", "Database", settings.EmbeddedPostgres ? Verdict.Warn : Verdict.Pass,
            settings.EmbeddedPostgres ? "a private one" : "a server of its own", "a server of its own (POSTGRES_HOST)",
            "The private PostgreSQL is for trying Tienda. For customers set POSTGRES_HOST, and take backups.");
        AddSecrets(checks, settings);
        AddFrontDoor(checks, settings);
        AddProcesses(checks, settings, cores);
        AddCache(checks, settings);
        AddLogs(checks, settings);
    }

    private static void AddSecrets(CheckList.Section checks, Settings settings)
    {
        checks.Add(
            "auth", "Sign-in required", settings.AuthEnabled ? Verdict.Pass : Verdict.Fail, settings.AuthEnabled ? "on" : "off",
            "on (AUTH_ENABLED)",
            SafeStart.OpenWarning + " Remove it.");
        AddSecret(checks, settings, "jwt_secret", "JWT_SECRET", settings.JwtSecret);
        AddSecret(checks, settings, "admin_api_key", "ADMIN_API_KEY", settings.AdminApiKey);
        if (settings.Postgres is { } postgres && !Path.IsPathRooted(postgres.Host))
        {
            AddPassword(checks, "postgres_password", "POSTGRES_PASSWORD", postgres.Password);
        }

        if (settings.Redis is { } redis && !IsThisMachine(redis.Host))
        {
            AddPassword(checks, "redis_password", "REDIS_PASSWORD", redis.Password);
        }

        if (settings.AdminPassword is not null)
        {
            AddPassword(checks, "admin_password", "ADMIN_PASSWORD", settings.AdminPassword);
        }
    }

    private static void AddSecret(CheckList.Section checks, Settings settings, string id, string name, string? secret)
    {
        const string Target = "100 bits or more, by an estimate";
        var advice = $"Set {name} to random letters, as of `openssl rand -hex 32`, or let `tienda secrets` make it; all sign in again.";
        if (secret is null)
        {
            var isMade = settings.EmbeddedPostgres;
            checks.Add(id, name, isMade ? Verdict.Pass : Verdict.Fail, isMade ? "made at the first start" : "not set", Target, advice);
            return;
        }

        var bits = SecretStrength.Bits(secret);
        var isPlaceholder = SecretStrength.IsPlaceholder(secret);
        var verdict = isPlaceholder || bits < DecentBits ? Verdict.Fail : bits < StrongBits ? Verdict.Warn : Verdict.Pass;
        checks.Add(id, name, verdict, isPlaceholder ? "looks like an example's" : Bits(bits), Target, advice);
    }

    private static void AddPassword(CheckList.Section checks, string id, string name, string? password)
    {
        var (verdict, figure) = password switch
        {
            null => (Verdict.Warn, "none"),
            _ when SecretStrength.IsPlaceholder(password) => (Verdict.Fail, "looks like an example's"),
            _ => (SecretStrength.Bits(password) < DecentBits ? Verdict.Warn : Verdict.Pass, Bits(SecretStrength.Bits(password))),
        };
        checks.Add(
            id, name, verdict, figure, "40 bits or more, by an estimate",
            $"Give it a random password, as of `openssl rand -hex 16`, and set {name}.");
    }

    private static string Bits(double bits) => $"about {Screen.Number(bits, 0)} bits";

    private static void AddFrontDoor(CheckList.Section checks, Settings settings)
    {
        checks.Add(
            "rate_limiting", "Rate limiting", settings.RateLimitEnabled ? Verdict.Pass : Verdict.Fail,
            settings.RateLimitEnabled ? $"{settings.RateLimitCalls} in {settings.RateLimitPeriodSeconds} s" : "off",
            "on (RATE_LIMIT_ENABLED)",
            "Without it one client can take the whole shop. Remove RATE_LIMIT_ENABLED=false; RATE_LIMIT_CALLS can be raised instead.");
        var proxies = settings.FrontDoor.TrustedProxies;
        var widest = proxies.Where(proxy => !IPAddress.IsLoopback(proxy.BaseAddress)).Select(proxy => proxy.PrefixLength)
            .DefaultIfEmpty(128).Min();
        checks.Add(
            "trusted_proxies", "TRUSTED_PROXIES", widest == 0 ? Verdict.Fail : widest < WidestTrustedBits ? Verdict.Warn : Verdict.Pass,
            proxies.Count == 0 ? "none" : string.Join(", ", proxies), "the proxies before the shop, and nobody else",
            "Whoever is in it may claim any address and so escapes the limits. Name the proxies' own addresses.");
        var isOpen = settings.FrontDoor.CorsOrigins.Contains("*");
        checks.Add(
            "cors", "CORS_ORIGINS", isOpen ? Verdict.Warn : Verdict.Pass,
            settings.FrontDoor.CorsOrigins is { Count: > 0 } origins ? string.Join(", ", origins) : "none", "your own pages",
            "Any page may call the shop from a visitor's browser. Name the origins of your own.");
        var users = settings.FrontDoor.ConcurrencyLimit;
        var backlog = settings.FrontDoor.Backlog;
        checks.Add(
            "concurrent_users", "Concurrent Users",
            users < GuideTargets.Users || backlog < GuideTargets.Users ? Verdict.Warn : Verdict.Pass,
            $"LIMIT_CONCURRENCY {users?.ToString(CultureInfo.InvariantCulture) ?? "none"}, BACKLOG {backlog}", $"{GuideTargets.Users}+",
            $"Customers beyond it are refused. Remove LIMIT_CONCURRENCY, or set both to {GuideTargets.Users} or more.");
    }

    private static void AddProcesses(CheckList.Section checks, Settings settings, int cores)
    {
        var workers = settings.Workers;
        var most = Math.Max(8, 2 * cores);
        checks.Add(
            "workers", "Multi-worker (WORKERS)", workers < 2 || workers > most ? Verdict.Warn : Verdict.Pass, $"{workers}, {cores} cores",
            $"2 to {most}; the guide: 4 to 8",
            workers < 2
                ? "With one process the shop is away while it is replaced or has crashed: set WORKERS=2 or more. One uses all cores."
                : "More processes than that only take memory and connections: one already uses all cores.");
        var each = settings.PoolSize + settings.PoolMaxOverflow;
        var useful = ((2 * cores) + 1 + workers - 1) / workers;
        checks.Add(
            "db_pool", "DB pool of each worker", each < useful ? Verdict.Warn : Verdict.Pass,
            $"{settings.PoolSize} + {settings.PoolMaxOverflow}, in all {workers * (each + Database.ConnectionsBesideThePool)} connections",
            $"{useful} or more; the guide: 50 + 100",
            $"2 x cores + disks, shared by the workers, is what is useful: let DB_POOL_SIZE + DB_MAX_OVERFLOW be {useful} or more.");
    }

    private static void AddCache(CheckList.Section checks, Settings settings)
    {
        var needsRedis = settings.Workers > 1 || !settings.EmbeddedPostgres;
        checks.Add(
            "redis", "Redis enabled", settings.Redis is null && needsRedis ? Verdict.Warn : Verdict.Pass,
            settings.Redis?.ToString() ?? "no", needsRedis ? "yes (REDIS_HOST)" : "not needed by one process",
            "Without it each worker reads for itself what another one has read already, and each host counts rate limits alone.");
        var (seconds, categories) = (settings.Cache.Seconds, settings.Cache.CategorySeconds);
        checks.Add(
            "cache_ttl", "Cache TTL", Math.Min(seconds, categories) < ShortestCacheSeconds ? Verdict.Warn : Verdict.Pass,
            $"products {seconds} s, categories {categories} s", "the guide: 300 s and 3600 s",
            "What is kept is never old here, so a short time only costs hits. Raise REDIS_CACHE_TTL and CACHE_TTL_CATEGORIES.");
    }

    private static void AddLogs(CheckList.Section checks, Settings settings)
    {
        var isChatty = settings.LogLevel < LogLevel.Information;
        checks.Add(
            "logs", "Structured logs", settings.JsonLogs && settings.AccessLog && !isChatty ? Verdict.Pass : Verdict.Warn,
            $"{(settings.JsonLogs ? "json" : "text")}, {settings.LogLevel}, requests {(settings.AccessLog ? "logged" : "not logged")}",
            "json, INFO or above, requests logged",
            isChatty
                ? "DEBUG is for development only: set LOG_LEVEL=INFO."
                : "Set LOG_FORMAT=json for programs that collect logs, and ACCESS_LOG=true, or nobody knows what a customer was answered.");
    }

    public static bool IsThisMachine(string host) =>
        Path.IsPathRooted(host) || host == "localhost" || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));
}
