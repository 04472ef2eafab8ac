using Npgsql;
using Tienda.Data;
using Tienda.Http;

namespace Tienda.Addresses;

/// <summary>The addresses in the database.</summary>
public sealed class AddressStore(NpgsqlDataSource database)
{
    private const string Columns = "id_key, street, number, city, client_id";

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
            $"SELECT {Columns} FROM addresses WHERE id_key = $1 AND ($2 IS NULL OR client_id = $2)").With(id).With(confinedTo);
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
    public async Task<Address?> UpdateAsync(long id, UpdateAddressRequest request, long? confinedTo, CancellationToken ct)
    {
        await using var command = database.Statement(
            $"""
            UPDATE addresses SET
                street = coalesce($2, street),
                number = coalesce($3, number),
                city = coalesce($4, city),
                client_id = coalesce($5, client_id)
            WHERE id_key = $1 AND ($6 IS NULL OR client_id = $6)
            RETURNING {Columns}
            """)
            .With(id)
            .With(request.Street)
            .With(request.Number)
            .With(request.City)
            .With(request.ClientId)
            .With(confinedTo);
        return await command.FirstAsync(Read, ct);
    }

    /// <summary>Deletes an address; false if there is none. One that orders were sent to is refused by their foreign key.</summary>
    public async Task<bool> DeleteAsync(long id, long? confinedTo, CancellationToken ct)
    {
        await using var command = database.Statement("DELETE FROM addresses WHERE id_key = $1 AND ($2 IS NULL OR client_id = $2)")
            .With(id).With(confinedTo);
        return await command.ChangeAsync(ct) > 0;
    }

    private static Address Read(NpgsqlDataReader row) => new()
    {
        IdKey = row.GetInt64(0),
        Street = row.GetString(1),
        Number = row.GetString(2),
        City = row.GetString(3),
        ClientId = row.GetInt64(4),
    };
}
