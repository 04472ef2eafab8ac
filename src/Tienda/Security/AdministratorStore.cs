using Npgsql;
using Tienda.Data;

namespace Tienda.Security;

/// <summary>Who of the clients is an administrator.</summary>
public sealed class AdministratorStore(NpgsqlDataSource database)
{
    public async Task<bool> AnyAsync(CancellationToken ct)
    {
        await using var command = database.Statement("SELECT EXISTS (SELECT FROM clients WHERE administrator)");
        return await command.ValueAsync<bool>(ct);
    }

    /// <summary>
    /// Makes the first administrator if there is none, whichever of several workers comes first. Somebody may have registered with this
    /// e-mail before: the operator's password replaces theirs, and they are signed out.
    /// </summary>
    public async Task CreateFirstAsync(string email, string passwordHash, CancellationToken ct)
    {
        await using var batch = database.Batch();
        batch.Then("SELECT pg_advisory_xact_lock(hashtext('administrators'))");
        batch.Then(
            """
            INSERT INTO clients (name, lastname, email, password_hash, administrator)
            SELECT 'Shop', 'Administrator', $1, $2, true WHERE NOT EXISTS (SELECT FROM clients WHERE administrator)
            ON CONFLICT (lower(email)) DO UPDATE SET
                password_hash = excluded.password_hash, password_version = clients.password_version + 1, administrator = true
            """).With(email).With(passwordHash);
        EndSessions(batch, email);
        await batch.ChangeAsync(ct);
    }

    /// <summary>Gives or takes the role; false if there is no such client.</summary>
    public async Task<bool> SetAsync(string email, bool administrator, CancellationToken ct)
    {
        await using var batch = database.Batch();
        batch.Then("UPDATE clients SET administrator = $2 WHERE lower(email) = lower($1) AND deleted_at IS NULL")
            .With(email).With(administrator);
        // The role stands in access tokens and in what refreshing answers; with the sessions, it is gone once the last token expires.
        EndSessions(batch, email);
        await batch.ChangeAsync(ct);
        return batch.BatchCommands[0].RecordsAffected == 1;
    }

    private static void EndSessions(NpgsqlBatch batch, string email) =>
        batch.Then("DELETE FROM sessions WHERE client_id = (SELECT id_key FROM clients WHERE lower(email) = lower($1))").With(email);
}
