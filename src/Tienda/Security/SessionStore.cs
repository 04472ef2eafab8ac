using Npgsql;
using Tienda.Clients;
using Tienda.Data;

namespace Tienda.Security;

/// <summary>A client as signing in sees it.</summary>
/// <param name="PasswordHash">Null for one who cannot sign in.</param>
public sealed record Account(Client Client, bool IsAdministrator, string? PasswordHash);

/// <summary>The sessions in the database, one row for each sign-in that has not ended.</summary>
public sealed class SessionStore(NpgsqlDataSource database)
{
    /// <summary>Days that a session lasts without being used.</summary>
    public const int LifetimeDays = 30;

    // Bounds what one client can fill the table with; the oldest give way.
    private const int MostPerClient = 20;

    // What stands before the client's own columns.
    private const int AccountColumns = 2;

    private static readonly string Columns =
        "c.administrator, c.password_hash, " + string.Join(", ", ClientStore.Columns.Split(", ").Select(column => "c." + column));

    public async Task<Account?> FindAccountAsync(string email, CancellationToken ct)
    {
        await using var command = database.Statement(
            $"SELECT {Columns} FROM clients c WHERE lower(c.email) = lower($1) AND c.deleted_at IS NULL").With(email);
        return await command.FirstAsync(Read, ct);
    }

    /// <summary>Begins a session; false if the password was changed or the client deleted since it was checked.</summary>
    /// <param name="account">The account with the hash that the password was checked against.</param>
    /// <param name="betterHash">A stronger hash of the same password to keep from now on, or null.</param>
    public async Task<bool> OpenAsync(Account account, string? betterHash, RefreshToken token, CancellationToken ct)
    {
        await using var batch = database.Batch();
        if (betterHash is not null)
        {
            batch.Then("UPDATE clients SET password_hash = $3 WHERE id_key = $1 AND password_hash = $2 AND deleted_at IS NULL")
                .With(account.Client.IdKey).With(account.PasswordHash).With(betterHash);
        }

        // The lock makes sign-ins of one client take turns with each other and with a change of the password, which ends all sessions.
        var opened = batch.Then(
            $"""
            INSERT INTO sessions (id_key, client_id, secret_hash, expires_at)
            SELECT $3, c.id_key, $4, now() + interval '{LifetimeDays} days'
            FROM clients c WHERE c.id_key = $1 AND c.password_hash = $2 AND c.deleted_at IS NULL FOR NO KEY UPDATE
            """)
            .With(account.Client.IdKey).With(betterHash ?? account.PasswordHash).With(token.Session).With(token.SecretHash);
        batch.Then(
            $"""
            DELETE FROM sessions WHERE client_id = $1 AND (expires_at < now() OR id_key NOT IN (
                SELECT id_key FROM sessions WHERE client_id = $1 ORDER BY expires_at DESC LIMIT {MostPerClient}))
            """).With(account.Client.IdKey);
        await batch.ChangeAsync(ct);
        return opened.RecordsAffected == 1;
    }

    /// <summary>
    /// Goes on with a session under a new secret, or answers null. Whoever shows a secret that was replaced has a copy of it, or is
    /// the owner of one that was copied; the session ends for both.
    /// </summary>
    public async Task<Account?> RenewAsync(RefreshToken shown, RefreshToken next, CancellationToken ct)
    {
        await using var batch = database.Batch();
        batch.Then(
            $"""
            UPDATE sessions s SET secret_hash = $3, expires_at = now() + interval '{LifetimeDays} days'
            FROM clients c
            WHERE s.id_key = $1 AND s.secret_hash = $2 AND s.expires_at > now() AND c.id_key = s.client_id AND c.deleted_at IS NULL
            RETURNING {Columns}
            """).With(shown.Session).With(shown.SecretHash).With(next.SecretHash);
        batch.Then("DELETE FROM sessions WHERE id_key = $1 AND secret_hash <> $2").With(shown.Session).With(next.SecretHash);
        await using var reader = await batch.ReadAsync(ct);
        return await reader.ReadAsync(ct) ? Read(reader) : null;
    }

    /// <summary>Ends a session, also for an older secret of it.</summary>
    public async Task CloseAsync(RefreshToken shown, CancellationToken ct)
    {
        await using var command = database.Statement("DELETE FROM sessions WHERE id_key = $1").With(shown.Session);
        await command.ChangeAsync(ct);
    }

    /// <summary>Adds to a batch what ends every session of a client.</summary>
    public static void EndAll(NpgsqlBatch batch, long clientId) =>
        batch.Then("DELETE FROM sessions WHERE client_id = $1").With(clientId);

    private static Account Read(NpgsqlDataReader row) =>
        new(ClientStore.Read(row, AccountColumns), row.GetBoolean(0), row.NullableString(1));
}
