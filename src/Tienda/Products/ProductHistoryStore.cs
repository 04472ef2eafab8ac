using System.Globalization;
using Npgsql;
using Tienda.Data;
using Tienda.Hosting;
using Tienda.Http;

namespace Tienda.Products;

/// <summary>
/// What became of prices and stocks. Sales are read from the lines of orders and everything else from product_changes, each by an index
/// that has the changes of one product in their order, and merged (0016_keep_product_history.sql).
/// </summary>
public sealed class ProductHistoryStore(NpgsqlDataSource database, Settings settings)
{
    private const string Order = "history";
    private const int Portion = 5_000;

    // Who has sold is looked up for the sales of the page only. Lines are compared and put in order by both columns, so that no other index
    // serves: by that of their numbers alone all lines since the product's last sale would be passed over.
    private const string PageSql =
        """
        SELECT h.line_id, h.step, coalesce(h.date, sale.date), h.reason, coalesce(h.caller, sale.caller), h.order_id,
            h.old_price, h.new_price, h.old_stock, h.new_stock
        FROM (
            (SELECT line_id, step, date, reason, caller, order_id, old_price, new_price, old_stock, new_stock
            FROM product_changes WHERE product_id = $1 AND (line_id, step) < ($2, $3)
            ORDER BY line_id DESC, step DESC LIMIT $5 + $6)
            UNION ALL
            (SELECT id_key, 0, NULL, 'sale', NULL, order_id, NULL, NULL, stock_after + quantity, stock_after
            FROM order_details
            WHERE (product_id, id_key) < ($1, $4) AND (product_id, id_key) > ($1, (SELECT last_line FROM product_history_start))
                AND stock_after IS NOT NULL
            ORDER BY product_id DESC, id_key DESC LIMIT $5 + $6)
            ORDER BY line_id DESC, step DESC LIMIT $5 OFFSET $6
        ) AS h LEFT JOIN LATERAL sale_of_line(h.order_id, h.line_id) AS sale ON h.date IS NULL
        ORDER BY h.line_id DESC, h.step DESC
        """;

    /// <summary>Whether the cursor is one of this list.</summary>
    public static bool CanContinue(ListQuery query) => query.After is not { } after || TryReadStep(after, out _);

    /// <summary>What became of a product, also of one that was deleted, the newest first; or null if there is no such product.</summary>
    public async Task<Page<ProductChange>?> ListAsync(long id, ListQuery query, CancellationToken ct)
    {
        List<ProductChange> changes;
        await using (var batch = database.Batch())
        {
            batch.Then(
                """
                SELECT WHERE EXISTS (SELECT FROM products WHERE id_key = $1) OR EXISTS (SELECT FROM product_changes WHERE product_id = $1)
                """).With(id);
            AddPage(batch, id, query);
            await using var reader = await batch.ReadAsync(ct);
            if (!await reader.ReadAsync(ct))
            {
                return null;
            }

            await reader.NextResultAsync(ct);
            changes = await reader.ListAsync(Read, ct);
        }

        var total = query.Count is { } count
            ? await new ListStatement("1", "product_history").Where("product_id = {0}", id).CountAsync(database, count, ct)
            : (long?)null;
        return Page.Of(
            changes, query, total,
            last => new Cursor(last.Line, Order, last.Step.ToString(CultureInfo.InvariantCulture)));
    }

    /// <summary>Deletes what has been kept for as long as it is to be, and answers how many changes that were.</summary>
    public async Task<int> ForgetAsync(CancellationToken ct)
    {
        var forgotten = 0;
        for (var last = settings.ProductHistoryDays > 0 ? Portion : 0; last == Portion; forgotten += last)
        {
            // The oldest have the lowest numbers. Only those whose time is over are locked; another worker's are passed over.
            await using var command = database.Statement(
                """
                DELETE FROM product_changes WHERE id_key = ANY (ARRAY(
                    SELECT id_key FROM product_changes WHERE id_key = ANY (ARRAY(
                        SELECT id_key FROM (SELECT id_key, written_at FROM product_changes ORDER BY id_key LIMIT $1) AS oldest
                        WHERE written_at < now() - make_interval(days => $2)))
                    FOR UPDATE SKIP LOCKED))
                """).With(Portion).With(settings.ProductHistoryDays);
            last = await command.ChangeAsync(ct);
        }

        return forgotten;
    }

    private static void AddPage(NpgsqlBatch batch, long id, ListQuery query)
    {
        var (line, step) = (long.MaxValue, long.MaxValue);
        if (query.After is { } after)
        {
            line = after.Id;
            TryReadStep(after, out step);
        }

        batch.Then(PageSql)
            .With(id)
            .With(line)
            .With(step)
            // The sale of a line comes before all that stands behind it.
            .With(step > 0 && line < long.MaxValue ? line + 1 : line)
            .With(query.RowsToRead)
            .With((int)(query.Skip ?? 0));
    }

    private static bool TryReadStep(Cursor after, out long step)
    {
        step = 0;
        return after.Sort == Order && long.TryParse(after.Key, NumberStyles.None, CultureInfo.InvariantCulture, out step);
    }

    private static ProductChange Read(NpgsqlDataReader row) => new()
    {
        Line = row.GetInt64(0),
        Step = row.GetInt64(1),
        Date = row.GetDateTime(2),
        Reason = row.GetString(3),
        Caller = row.GetString(4),
        OrderId = row.NullableInt64(5),
        OldPrice = row.IsDBNull(6) ? null : row.Money(6),
        NewPrice = row.IsDBNull(7) ? null : row.Money(7),
        OldStock = row.IsDBNull(8) ? null : row.GetInt32(8),
        NewStock = row.IsDBNull(9) ? null : row.GetInt32(9),
    };
}
