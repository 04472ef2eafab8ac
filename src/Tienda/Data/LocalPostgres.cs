using Tienda.Hosting;

namespace Tienda.Data;

/// <summary>The private PostgreSQL cannot run; the message says why and what to do.</summary>
public sealed class LocalPostgresException(string message) : Exception(message);

/// <summary>The private PostgreSQL of the embedded default.</summary>
public sealed class LocalPostgres(PostgresServer server) : IAsyncDisposable
{
    /// <summary>How to reach the database.</summary>
    public PostgresServer Server => server;

    public static Task<LocalPostgres> StartOrJoinAsync(string dataFolder, CancellationToken ct) =>
        throw new LocalPostgresException("The private PostgreSQL is not there yet.");

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
