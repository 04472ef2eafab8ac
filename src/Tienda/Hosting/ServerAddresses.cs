namespace Tienda.Hosting;

/// <summary>How to reach a PostgreSQL server.</summary>
/// <param name="Host">A host name, or the folder of a unix socket.</param>
public sealed record PostgresServer(string Host, int Port, string Database, string User, string? Password)
{
    /// <summary>The server of the settings, or null if they name none.</summary>
    public static PostgresServer? Read(SettingsReader read) => read.Text("POSTGRES_HOST") is { } host
        ? new PostgresServer(
            host,
            read.Whole(["POSTGRES_PORT"], 5432, 1, 65535),
            read.TextOr("POSTGRES_DB", "tienda"),
            read.TextOr("POSTGRES_USER", "postgres"),
            read.Hidden("POSTGRES_PASSWORD"))
        : null;

    /// <summary>Without the password.</summary>
    public override string ToString() => $"{Database} at {Host}:{Port}";
}

/// <summary>How to reach a Redis server.</summary>
public sealed record RedisAddress(string Host, int Port, int Database, string? Password)
{
    /// <summary>Connections that each process has to Redis: one for questions and one for messages.</summary>
    public const int Connections = 2;

    /// <summary>The server of the settings, or null to do without.</summary>
    public static RedisAddress? Read(SettingsReader read)
    {
        if (read.Text("REDIS_HOST") is not { } host || !read.Flag("REDIS_ENABLED", true))
        {
            return null;
        }

        // There is no pool that it could bound. It is kept all the same: there are never more.
        read.Whole(["REDIS_MAX_CONNECTIONS"], 50, Connections, 10_000);
        return new RedisAddress(
            host,
            read.Whole(["REDIS_PORT"], 6379, 1, 65535),
            read.Whole(["REDIS_DB"], 0, 0, 1024),
            read.Hidden("REDIS_PASSWORD"));
    }

    /// <summary>Without the password.</summary>
    public override string ToString() => $"{Host}:{Port}";
}
