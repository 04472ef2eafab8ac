using Npgsql;

// Begun by Data/Queries.cs only.
#pragma warning disable RS0030

namespace Tienda.Data;

/// <summary>A transaction whose end is counted as what is asked in it is. Disposed of without a commit, nothing of it is kept.</summary>
public sealed class Transaction(NpgsqlTransaction transaction, QueryName name) : IAsyncDisposable
{
    private bool _hasEnded;

    public Task CommitAsync(CancellationToken ct)
    {
        _hasEnded = true;
        return MeasuredAsync(RoundTrip.Begin(name.Commit), transaction.CommitAsync(ct));
    }

    public async ValueTask DisposeAsync()
    {
        if (_hasEnded)
        {
            await transaction.DisposeAsync();
            return;
        }

        _hasEnded = true;
        await MeasuredAsync(RoundTrip.Begin(name.Rollback), transaction.DisposeAsync().AsTask());
    }

    private static async Task MeasuredAsync(RoundTrip? trip, Task end)
    {
        try
        {
            await end;
            trip?.End(null);
        }
        catch (Exception failure)
        {
            trip?.End(failure);
            throw;
        }
    }
}
