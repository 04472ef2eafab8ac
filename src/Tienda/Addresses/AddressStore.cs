using Npgsql;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Http;

namespace Tienda.Addresses;

/// <summary>The addresses in the database.</summary>
public sealed class AddressStore(NpgsqlDataSource database, CacheChanges changes)
{
    private const string Columns = "id_key, street, number, city, client_id";

    private const string Visible = "id_key = $1 AND ($2 IS NULL OR client_id = $2)";

    private const string LockSql = $"SELECT {Columns} FROM addresses WHERE {Visible} FOR UPDATE";

    // The trigger that keeps addresses away from deleted clients would lock the client behind the address. A client's erasure locks the
    // client first, and so do changes.
    private const string LockClients =
        $"SELECT FROM clients WHERE id_key IN ((SELECT client_id FROM addresses WHERE {Visible}), $3) ORDER BY id_key FOR KEY SHARE";

    public Task<Page<Address>> ListAsync(long? confinedTo, ListQuery query, CancellationToken ct) =>
        new ListStatement(Columns, "addresses")
            .WhereIf("client_id = {0}", confinedTo)
            .ReadAsync(database, query, Read, address => address.IdKey, ct);

    /// <summary>The addresses of one client, or null if there is no such client.</summary>
    public Task<Page<Address>?> ListOfClientAsync(long clientId, ListQuery query, CancellationToken ct) =>
        new ListStatement(Columns, "addresses")
            .Where("client_id = {0}", clientId)
            .ReadOfAsync(new ListOwner("clients", clientId), database, query, Read, address => address.IdKey, ct);

    public async Task<Address?> FindAsync(long id, long? confinedTo, CancellationToken ct)
    {
        await using var command = database.Statement(
            $"SELECT {Columns} FROM addresses WHERE {Visible}").With(id).With(confinedTo);
        return await command.FirstAsync(Read, ct);
    }

    public async Task<Address> CreateAsync(CreateAddressRequest request, CancellationToken ct)
    {
        await using var command = database.Statement(
            $"INSERT INTO addresses (street, number, city, client_id) VALUES ($1, $2, $3, $4) RETURNING {Columns}")
            .With(request.Street)
            .With(request.Number)
            .With(request.City)
            .With(request.ClientId);
        return (await command.FirstAsync(Read, ct))!;
    }

    /// <summary>Changes the fields that were sent, or answers null if there is no such address.</summary>
    public Task<Address?> UpdateAsync(
        long id, UpdateAddressRequest request, IfMatch condition, long? confinedTo, CancellationToken ct) =>
        changes.RunIfAsync(
            database, condition,
            locks =>
            {
                locks.Then(LockClients).With(id).With(confinedTo).With(request.ClientId);
                locks.Then(LockSql).With(id).With(confinedTo);
            },
            Read,
            batch => AddUpdate(batch, id, request, confinedTo),
            async reader =>
            {
                await reader.NextResultAsync(ct);
                return await reader.FirstAsync(Read, ct);
            },
            ct);

    private static void AddUpdate(NpgsqlBatch batch, long id, UpdateAddressRequest request, long? confinedTo)
    {
        batch.Then(LockClients).With(id).With(confinedTo).With(request.ClientId);
        // The client is named also where it stays the same: the trigger is to look at it, or an erasure would be written over.
        batch.Then(
            $"""
            UPDATE addresses SET
                street = coalesce($3, street),
                number = coalesce($4, number),
                city = coalesce($5, city),
                client_id = coalesce($6, client_id)
            WHERE {Visible}
            RETURNING {Columns}
            """)
            .With(id)
            .With(confinedTo)
            .With(request.Street)
            .With(request.Number)
            .With(request.City)
            .With(request.ClientId);
    }

    /// <summary>Deletes an address; false if there is none. One that orders were sent to is refused by their foreign key.</summary>
    public async Task<bool> DeleteAsync(long id, IfMatch condition, long? confinedTo, CancellationToken ct) =>
        await changes.RunIfAsync(
            database, condition, locks => locks.Then(LockSql).With(id).With(confinedTo), Read,
            batch => batch.Then($"DELETE FROM addresses WHERE {Visible} RETURNING id_key").With(id).With(confinedTo),
            reader => reader.ReadAsync(ct),
            ct);

    private static Address Read(NpgsqlDataReader row) => new()
    {
        IdKey = row.GetInt64(0),
        Street = row.GetString(1),
        Number = row.GetString(2),
        City = row.GetString(3),
        ClientId = row.GetInt64(4),
    };
}
