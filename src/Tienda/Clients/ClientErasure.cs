using Npgsql;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Security;

namespace Tienda.Clients;

/// <summary>Forgets a person: the row goes, or, if orders (and with them bills) must be kept, everything personal in it.</summary>
public sealed class ClientErasure(NpgsqlDataSource database, CacheChanges changes)
{
    // Each statement sees what was committed before it began, so the locks come first: with the client locked no order or review
    // can begin, with the addresses locked no order can be sent to another of them, and whatever came before is seen below.
    private const string LockClient = $"SELECT {ClientStore.Columns} FROM clients WHERE id_key = $1 FOR UPDATE";
    private const string LockAddresses = "SELECT FROM addresses WHERE client_id = $1 ORDER BY id_key FOR UPDATE";

    // The reviews' trigger would lock the products behind the reviews; a product's deletion takes them in this order.
    private const string LockProducts =
        """
        SELECT FROM products WHERE id_key IN (SELECT product_id FROM reviews WHERE client_id = $1)
        ORDER BY id_key FOR NO KEY UPDATE
        """;

    // Orders lock their keys before their client. A key that is locked here is one that has expired and is being deleted.
    private const string DeleteKeys =
        """
        DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM idempotency_keys WHERE caller IN ('client:' || $1, 'administrator:' || $1) FOR UPDATE SKIP LOCKED))
        """;

    private const string DeleteReviews = "DELETE FROM reviews WHERE client_id = $1";

    private const string DeleteUnusedAddresses =
        """
        DELETE FROM addresses a
        WHERE client_id = $1 AND NOT EXISTS (SELECT FROM orders o WHERE o.address_id = a.id_key)
        """;

    private const string BlankUsedAddresses =
        "UPDATE addresses SET street = '(deleted)', number = '-', city = '(deleted)' WHERE client_id = $1";

    // The e-mail is random, so that nobody can register it beforehand and stand in the way.
    private const string MakeAnonymous =
        """
        UPDATE clients SET
            name = '(deleted)',
            lastname = '(deleted)',
            email = 'anonymous-' || gen_random_uuid() || '@deleted.invalid',
            telephone = NULL,
            password_hash = NULL,
            administrator = false,
            deleted_at = coalesce(deleted_at, now())
        WHERE id_key = $1 AND EXISTS (SELECT FROM orders WHERE client_id = $1)
        """;

    private const string DeleteClient =
        "DELETE FROM clients WHERE id_key = $1 AND NOT EXISTS (SELECT FROM orders WHERE client_id = $1)";

    /// <summary>Deletes a client or makes the person anonymous; false if there is no such client.</summary>
    public async Task<bool> EraseAsync(long id, IfMatch condition, CancellationToken ct) =>
        await changes.RunIfAsync(
            database, condition, locks => locks.Then(LockClient).With(id), ClientStore.Read,
            batch => AddErasure(batch, id),
            async reader =>
            {
                while (await reader.NextResultAsync(ct) && reader.FieldCount == 0)
                {
                }

                return reader.RecordsAffected > 0;
            },
            ct);

    private static void AddErasure(NpgsqlBatch batch, long id)
    {
        batch.Then(LockClient).With(id);
        batch.Then(LockAddresses).With(id);
        SessionStore.EndAll(batch, id);
        batch.Then(DeleteKeys).With(id);
        batch.Then(LockProducts).With(id);
        batch.Then(DeleteReviews).With(id);
        batch.Then(DeleteUnusedAddresses).With(id);
        batch.Then(BlankUsedAddresses).With(id);
        batch.Then(MakeAnonymous).With(id);
        batch.Then(DeleteClient).With(id);
    }
}
