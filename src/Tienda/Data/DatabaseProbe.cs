using Npgsql;
using Tienda.Hosting;

namespace Tienda.Data;

/// <summary>Measures the database on a connection of its own, which never waits in the pool that requests use.</summary>
public sealed class DatabaseProbe(Settings settings, TimeProvider time) : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1.5);

    private readonly NpgsqlDataSource _connection = Database.CreateProbe(settings);

    /// <summary>Milliseconds of one round trip, or null if the database does not answer in time.</summary>
    public async Task<double?> LatencyMsAsync()
    {
        try
        {
            // Not cancelled: to do that, the driver would wait for the server once more.
            return await MeasureAsync().WaitAsync(Patience, time);
        }
        catch (Exception away) when (away is NpgsqlException or TimeoutException)
        {
            return null;
        }
    }

    private async Task<double> MeasureAsync()
    {
        // Opening is not part of the figure: it happens once, while the latency of a query is what requests feel.
        await using var connection = await _connection.OpenConnectionAsync();
        await using var command = new NpgsqlCommand("SELECT 1", connection);
        var started = time.GetTimestamp();
        await command.ExecuteScalarAsync();
        return Math.Round(time.GetElapsedTime(started).TotalMilliseconds, 2);
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();
}
