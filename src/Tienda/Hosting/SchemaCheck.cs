using Tienda.Data;

namespace Tienda.Hosting;

/// <summary>
/// Keeps requests away until the database has this program's version. Asks at most once a second, and never again once it has it.
/// A database that is away is not this check's matter: requests that need it answer 503 by themselves.
/// </summary>
public sealed class SchemaCheck(Settings settings, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Reuse = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _turn = new(1);
    private volatile bool _isCurrent;
    private string? _answer;
    private long? _askedAt;

    /// <summary>Why the shop cannot take requests, or null if it can.</summary>
    public async Task<string?> ObstacleAsync(CancellationToken ct)
    {
        if (_isCurrent)
        {
            return null;
        }

        await _turn.WaitAsync(ct);
        try
        {
            if (_askedAt is null || time.GetElapsedTime(_askedAt.Value) > Reuse)
            {
                _answer = await AskAsync(ct);
                _askedAt = time.GetTimestamp();
            }

            return _answer;
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();

    private async Task<string?> AskAsync(CancellationToken ct)
    {
        try
        {
            await using var database = Database.CreateProbe(settings);
            _isCurrent = (await new Migrator(database, Migration.All).PendingAsync(ct)).Count == 0;
            return _isCurrent ? null : "migration pending";
        }
        catch (MigrationException)
        {
            return "database newer than the program";
        }
        catch (Exception away) when (DatabaseFailure.Read(away) is not null)
        {
            return null;
        }
    }
}
