using Npgsql;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Http;
using Tienda.Security;

namespace Tienda.Clients;

/// <summary>The clients in the database.</summary>
public sealed class ClientStore(NpgsqlDataSource database, CacheChanges changes, Passwords passwords)
{
    internal const string Columns = "id_key, name, lastname, email, telephone, created_at, password_version";

    private const string LockSql = $"SELECT {Columns} FROM clients WHERE id_key = $1 AND deleted_at IS NULL FOR NO KEY UPDATE";

    public Task<Page<Client>> ListAsync(ListQuery query, CancellationToken ct) =>
        new ListStatement(Columns, "clients").ReadAsync(database, query, Read, client => client.IdKey, ct);

    public async Task<Client?> FindAsync(long id, CancellationToken ct)
    {
        await using var command = database.Statement($"SELECT {Columns} FROM clients WHERE id_key = $1").With(id);
        return await command.FirstAsync(Read, ct);
    }

    public async Task<Client> CreateAsync(CreateClientRequest request, CancellationToken ct)
    {
        var hash = await passwords.HashAsync(request.Password!, ct);
        await using var command = database.Statement(
            $"""
            INSERT INTO clients (name, lastname, email, telephone, password_hash)
            VALUES ($1, $2, $3, $4, $5)
            RETURNING {Columns}
            """)
            .With(request.Name)
            .With(request.Lastname)
            .With(request.Email)
            .With(request.Telephone)
            .With(hash);
        return (await command.FirstAsync(Read, ct))!;
    }

    /// <summary>
    /// Changes the fields that were sent, or answers null if there is no such client, or one who was deleted. A new password ends every
    /// session, also one that whoever had the old password began.
    /// </summary>
    public async Task<Client?> UpdateAsync(long id, UpdateClientRequest request, IfMatch condition, CancellationToken ct)
    {
        // Before the condition is judged: that is done under the lock, and hashing takes long.
        var hash = request.Password is { } password ? await passwords.HashAsync(password, ct) : null;
        return await changes.RunIfAsync(
            database, condition, locks => locks.Then(LockSql).With(id), Read,
            batch => AddUpdate(batch, id, request, hash),
            reader => reader.FirstAsync(Read, ct),
            ct);
    }

    private static void AddUpdate(NpgsqlBatch batch, long id, UpdateClientRequest request, string? hash)
    {
        batch.Then(
            $"""
            UPDATE clients SET
                name = coalesce($2, name),
                lastname = coalesce($3, lastname),
                email = coalesce($4, email),
                telephone = CASE WHEN $5 THEN $6 ELSE telephone END,
                password_hash = coalesce($7, password_hash),
                password_version = password_version + ($7 IS NOT NULL)::integer
            WHERE id_key = $1 AND deleted_at IS NULL
            RETURNING {Columns}
            """)
            .With(id)
            .With(request.Name)
            .With(request.Lastname)
            .With(request.Email)
            .With(request.Has(nameof(request.Telephone))).With(request.Telephone)
            .With(hash);
        if (hash is not null)
        {
            SessionStore.EndAll(batch, id);
        }
    }

    /// <summary>All that is kept about a client, or null if there is none.</summary>
    public async Task<ClientExport?> ExportAsync(long id, CancellationToken ct)
    {
        await using var batch = database.Batch();
        ClientExport.AddStatements(batch, id);
        await using var reader = await batch.ReadAsync(ct);
        return await ClientExport.ReadAsync(reader, ct);
    }

    internal static Client Read(NpgsqlDataReader row) => Read(row, 0);

    /// <summary>Reads a client whose columns begin at the given one.</summary>
    internal static Client Read(NpgsqlDataReader row, int first) => new()
    {
        IdKey = row.GetInt64(first),
        Name = row.GetString(first + 1),
        Lastname = row.GetString(first + 2),
        Email = row.GetString(first + 3),
        Telephone = row.NullableString(first + 4),
        CreatedAt = row.GetDateTime(first + 5),
        PasswordVersion = row.GetInt64(first + 6),
    };
}
