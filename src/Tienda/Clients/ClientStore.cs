using Npgsql;
using Tienda.Data;
using Tienda.Http;

namespace Tienda.Clients;

/// <summary>The clients in the database.</summary>
public sealed class ClientStore(NpgsqlDataSource database)
{
    internal const string Columns = "id_key, name, lastname, email, telephone, created_at";

    public Task<Page<Client>> ListAsync(ListQuery query, CancellationToken ct) =>
        new ListStatement(Columns, "clients").ReadAsync(database, query, Read, client => client.IdKey, ct);

    public async Task<Client?> FindAsync(long id, CancellationToken ct)
    {
        await using var command = database.CreateCommand($"SELECT {Columns} FROM clients WHERE id_key = $1").With(id);
        return await command.FirstAsync(Read, ct);
    }

    public async Task<Client> CreateAsync(CreateClientRequest request, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            $"""
            INSERT INTO clients (name, lastname, email, telephone, password_hash)
            VALUES ($1, $2, $3, $4, $5)
            RETURNING {Columns}
            """)
            .With(request.Name)
            .With(request.Lastname)
            .With(request.Email)
            .With(request.Telephone)
            .With(Passwords.Hash(request.Password!));
        return (await command.FirstAsync(Read, ct))!;
    }

    /// <summary>Changes the fields that were sent, or answers null if there is no such client, or one who was deleted.</summary>
    public async Task<Client?> UpdateAsync(long id, UpdateClientRequest request, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            $"""
            UPDATE clients SET
                name = coalesce($2, name),
                lastname = coalesce($3, lastname),
                email = coalesce($4, email),
                telephone = CASE WHEN $5 THEN $6 ELSE telephone END,
                password_hash = coalesce($7, password_hash)
            WHERE id_key = $1 AND deleted_at IS NULL
            RETURNING {Columns}
            """)
            .With(id)
            .With(request.Name)
            .With(request.Lastname)
            .With(request.Email)
            .With(request.Has(nameof(request.Telephone))).With(request.Telephone)
            .With(request.Password is { } password ? Passwords.Hash(password) : null);
        return await command.FirstAsync(Read, ct);
    }

    /// <summary>All that is kept about a client, or null if there is none.</summary>
    public async Task<ClientExport?> ExportAsync(long id, CancellationToken ct)
    {
        await using var batch = database.CreateBatch();
        ClientExport.AddStatements(batch, id);
        await using var reader = await batch.ExecuteReaderAsync(ct);
        return await ClientExport.ReadAsync(reader, ct);
    }

    internal static Client Read(NpgsqlDataReader row) => new()
    {
        IdKey = row.GetInt64(0),
        Name = row.GetString(1),
        Lastname = row.GetString(2),
        Email = row.GetString(3),
        Telephone = row.NullableString(4),
        CreatedAt = row.GetDateTime(5),
    };
}
