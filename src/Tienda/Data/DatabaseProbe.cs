using Npgsql;
using Tienda.Hosting;

namespace Tienda.Data;

/// <summary>What one question to the database has told.</summary>
/// <param name="LatencyMs">Of the question and its answer.</param>
/// <param name="IsReadOnly">True for a stand-by, and if somebody has made the database, or the user, read-only.</param>
public sealed record DatabaseLook(double LatencyMs, bool IsReadOnly);

/// <summary>
/// Looks at the database on a connection of its own, which never waits in the pool that requests use. One caller at a time.
/// </summary>
public sealed class DatabaseProbe(Settings settings, TimeProvider time) : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1.2);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(3);

    private readonly NpgsqlDataSource _connection = Database.CreateProbe(settings);
    private Task<DatabaseLook?>? _look;

    /// <summary>What there is to see, or null if the database does not answer in time.</summary>
    public async Task<DatabaseLook?> LookAsync()
    {
        // The driver may need longer than anybody waits to give up a server that hangs. Whoever asks next then waits for the same look.
        if (_look is null or { IsCompleted: true })
        {
            _look = AskAsync();
        }

        try
        {
            return await _look.WaitAsync(Patience, time);
        }
        catch (TimeoutException)
        {
            return null;
        }
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private async Task<DatabaseLook?> AskAsync()
    {
        await using var deadline = new Deadline(Longest, time, CancellationToken.None);
        for (var isFirst = true; ; isFirst = false)
        {
            try
            {
                return await AskOnceAsync(deadline.Token);
            }
            catch (Exception broken) when (isFirst && DatabaseFailure.Read(broken) is { IsConnectionLost: true })
            {
                // Perhaps the server is there again, and this connection is one of before.
            }
            catch (Exception away) when (DatabaseFailure.Read(away) is not null
                || away is OperationCanceledException or TimeoutException or ObjectDisposedException)
            {
                return null;
            }
        }
    }

    private async Task<DatabaseLook> AskOnceAsync(CancellationToken ct)
    {
        // Opening is not part of the figure: it happens once, while the latency of a query is what requests feel.
        await using var connection = await _connection.BorrowAsync(ct);
        await using var command = connection.Statement("SELECT current_setting('transaction_read_only')::boolean");
        var started = time.GetTimestamp();
        var isReadOnly = await command.ValueAsync<bool>(ct);
        return new DatabaseLook(Math.Round(time.GetElapsedTime(started).TotalMilliseconds, 2), isReadOnly);
    }
}
