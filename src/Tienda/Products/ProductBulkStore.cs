using System.Security.Cryptography;
using System.Text.Json;
using Npgsql;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Http;
using Tienda.Orders;
using Tienda.Security;

namespace Tienda.Products;

/// <summary>
/// Changes many products, a portion at a time: each is a transaction that locks its products in the order of their ids, as orders do,
/// decides each change on its own, and makes all of them in one statement.
/// </summary>
public sealed partial class ProductBulkStore(
    NpgsqlDataSource database, CacheChanges changes, TimeProvider time, ILogger<ProductBulkStore> logger)
{
    /// <summary>
    /// Changes of one transaction. Orders of its products wait until it ends, and a statement that changes more than 1000 products has all
    /// caches begin anew.
    /// </summary>
    internal const int Portion = 500;

    // With the pauses and the waits for a lock this is about ten seconds: an order waits no longer for a product that somebody holds.
    private const int MostAttempts = 10;

    // Longer than the pause of orders that a row is held from: they get their turn in each.
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Makes the changes, but for portions that were made under the key before. Without a key nothing could be sent again after a failure
    /// in the middle, which is therefore answered with what was made until then.
    /// </summary>
    /// <param name="left">Ends when nobody waits for the answer any more.</param>
    /// <returns>The answer, and whether all of it was given before; null if the key was used for another request.</returns>
    public async Task<(BulkEditAnswer Answer, bool Replayed)?> ApplyAsync(
        BulkEditRequest request, Actor writer, IdempotencyKey? key, CancellationToken left, CancellationToken ct)
    {
        var hash = key is null ? null : SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(request, TiendaJson.Wire));
        var edits = request.Items!;
        var progress = new BulkProgress();
        foreach (var portion in edits.Chunk(Portion))
        {
            var keyed = new KeyedRequest($"products/bulk/{progress.Done}", writer, key?.Value, hash);
            try
            {
                if (!await ApplyPatientlyAsync(portion, keyed, progress, ct))
                {
                    return null;
                }
            }
            catch (Exception failure)
                when (key is null && progress.MayHaveChanged && !left.IsCancellationRequested && ReasonOf(failure) is { } reason)
            {
                Log.BrokenOff(logger, progress.Done, edits.Count, reason);
                progress.BreakOff(edits);
                break;
            }
        }

        return (progress.Answer, progress.IsReplayed);
    }

    /// <summary>Makes the changes of a portion, again after a pause if somebody else was in the way, and nothing of it was made.</summary>
    /// <returns>False if the key was used for another request.</returns>
    private async Task<bool> ApplyPatientlyAsync(BulkEdit[] edits, KeyedRequest keyed, BulkProgress progress, CancellationToken ct)
    {
        var pause = ShortestPause;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await ApplyAsync(edits, keyed, progress, ct);
            }
            catch (Exception met) when (DatabaseFailure.Read(met) is { HasMetAnother: true })
            {
                progress.RollBack();
                if (attempt == MostAttempts)
                {
                    throw;
                }
            }

            await Task.Delay(pause, time, ct);
            pause = TimeSpan.FromTicks(Math.Min(2 * pause.Ticks, LongestPause.Ticks));
        }
    }

    /// <returns>False if the key was used for another request.</returns>
    private async Task<bool> ApplyAsync(BulkEdit[] edits, KeyedRequest keyed, BulkProgress progress, CancellationToken ct)
    {
        await using var connection = await database.BorrowAsync(ct);
        await using var transaction = await connection.BeginAsync(ct);
        KeptAnswer? kept;
        DateTime now;
        List<Product> products;
        await using (var locks = connection.Batch())
        {
            keyed.Look(locks);
            AddLocks(locks, edits, keyed);
            await using var reader = await locks.ReadAsync(ct);
            kept = await keyed.ReadAsync(reader, ct);
            await reader.ReadAsync(ct);
            now = reader.GetDateTime(0);
            await reader.NextResultAsync(ct);
            products = await reader.ListAsync(ProductStore.Read, ct);
        }

        if (kept is { IsOfThisRequest: false })
        {
            return false;
        }

        if (kept is not null)
        {
            progress.Note(JsonSerializer.Deserialize<List<BulkEditOutcome>>(kept.Answer!, TiendaJson.Wire)!, replayed: true);
            return true;
        }

        var plan = new BulkPlan(products, progress.Named, now);
        var outcomes = edits.Select(plan.Decide).ToList();
        await using var batch = connection.Batch();
        if (plan.Changes.Count > 0)
        {
            AddChanges(batch, plan.Changes);
        }

        if (keyed.Key is not null)
        {
            keyed.KeepAnswer(batch, JsonSerializer.Serialize(outcomes, TiendaJson.Wire));
        }

        if (batch.BatchCommands.Count > 0)
        {
            var change = changes.Begin();
            await change.RunAsync(batch, ct);
            progress.Commit(outcomes);
            await change.CommitAsync(transaction);
        }

        progress.Note(outcomes, replayed: false);
        return true;
    }

    // Patience ends by a cancellation.
    private static string? ReasonOf(Exception failure) =>
        failure is OperationCanceledException ? "it took too long"
        : DatabaseFailure.Read(failure) is { IsOutage: true } outage ? outage.Message
        : null;

    // The time of the transaction is that of the changes. It holds other products, and orders wait for them, while it waits for one that
    // somebody does not give back; for a key it has waited before, when it held none.
    private static void AddLocks(NpgsqlBatch locks, BulkEdit[] edits, KeyedRequest keyed)
    {
        locks.Then(
            """
            SELECT now(), set_config('tienda.caller', $1, true), set_config('tienda.cause', 'bulk', true),
                set_config('lock_timeout', '200ms', true)
            """)
            .With(keyed.Writer.Name);
        // Of a portion that was made under the key before, no product is locked.
        locks.Then(
            $"""
            SELECT {ProductStore.Columns} FROM products
            WHERE (id_key = ANY ($1) OR sku = ANY ($2)) AND NOT EXISTS (SELECT FROM find_idempotency_keys(ARRAY[$3], $4, ARRAY[$5]))
            ORDER BY id_key FOR NO KEY UPDATE
            """)
            .With(edits.Select(edit => edit.IdKey).OfType<long>().ToArray())
            .With(edits.Select(edit => edit.Sku).OfType<string>().ToArray())
            .With(keyed.Writer.Name).With(keyed.Route).With(keyed.Key);
    }

    private static void AddChanges(NpgsqlBatch batch, List<(BulkEdit Edit, long Id)> changes) => batch.Then(
        """
        UPDATE products SET
            stock = coalesce(c.counted, stock) + coalesce(c.came, 0),
            price = coalesce(c.new_price, price),
            updated_at = now()
        FROM unnest($1, $2, $3, $4) AS c (product_id, counted, came, new_price)
        WHERE id_key = c.product_id
        """)
        .With(changes.Select(change => change.Id).ToArray())
        .With(changes.Select(change => (int?)change.Edit.Stock).ToArray())
        .With(changes.Select(change => (int?)change.Edit.StockChange).ToArray())
        .With(changes.Select(change => change.Edit.Price is { } price ? Money.From(price).MinorUnits : (long?)null).ToArray());

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "A bulk edit of products was broken off after {Done} of {Count} changes: {Reason}")]
        public static partial void BrokenOff(ILogger logger, int done, int count, string reason);
    }
}
