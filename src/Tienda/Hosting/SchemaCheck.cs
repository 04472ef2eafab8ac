using Tienda.Data;

namespace Tienda.Hosting;

/// <summary>
/// Keeps requests away until the database has this program's version. Asks at most once a second, and never again once it has it.
/// A database that is away is not this check's matter: requests that need it answer 503 by themselves.
/// </summary>
public sealed class SchemaCheck(Settings settings, TimeProvider time)
{
    private static readonly TimeSpan Reuse = TimeSpan.FromSeconds(1);

    // Who asks whether the shop is ready waits a second, as a rule.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(700);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(3);

    private readonly Lock _gate = new();
    private volatile bool _isCurrent;
    private Task<string?>? _answer;
    private long _askedAt;

    /// <summary>Why the shop cannot take requests, or null if it can.</summary>
    public async Task<string?> ObstacleAsync(CancellationToken ct)
    {
        if (_isCurrent)
        {
            return null;
        }

        Task<string?> answer;
        lock (_gate)
        {
            if (_answer is null || (_answer.IsCompleted && time.GetElapsedTime(_askedAt) > Reuse))
            {
                _askedAt = time.GetTimestamp();
                _answer = AskAsync();
            }

            answer = _answer;
        }

        try
        {
            return await answer.WaitAsync(Patience, time, ct);
        }
        catch (TimeoutException)
        {
            return null;
        }
    }

    private async Task<string?> AskAsync()
    {
        await using var deadline = new Deadline(Longest, time, CancellationToken.None);
        try
        {
            await using var database = Database.CreateProbe(settings);
            _isCurrent = (await new Migrator(database, Migration.All).PendingAsync(deadline.Token)).Count == 0;
            return _isCurrent ? null : "migration pending";
        }
        catch (MigrationException)
        {
            return "database newer than the program";
        }
        catch (Exception away) when (away is OperationCanceledException || DatabaseFailure.Read(away) is not null)
        {
            return null;
        }
    }
}
