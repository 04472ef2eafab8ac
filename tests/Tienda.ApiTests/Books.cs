using Npgsql;

namespace Tienda.ApiTests;

/// <summary>What must hold in the database whatever was done to it.</summary>
public static class Books
{
    private static readonly (string What, string Violations)[] Rules =
    [
        ("stock and sales add up to what there was",
            """
            SELECT p.id_key FROM unnest($1, $2) AS first (id_key, stock) JOIN products p USING (id_key)
                LEFT JOIN order_details d ON d.product_id = p.id_key LEFT JOIN orders o ON o.id_key = d.order_id
            GROUP BY p.id_key, first.stock HAVING p.stock + coalesce(sum(d.quantity) FILTER (WHERE o.status <> 4), 0) <> first.stock
            """),
        ("an order's total is the sum of its lines",
            """
            SELECT o.id_key FROM orders o LEFT JOIN order_details d ON d.order_id = o.id_key
            GROUP BY o.id_key HAVING o.total <> coalesce(sum(d.price * d.quantity), 0)
            """),
        ("a bill is its order's total minus the discount, and a canceled order has none",
            """
            SELECT b.id_key FROM bills b JOIN orders o ON o.id_key = b.order_id
            WHERE b.voided_at IS NULL AND (b.total <> o.total - b.discount OR o.status = 4)
            """),
        ("bill numbers have no gaps",
            """
            SELECT 1::bigint FROM bills HAVING count(*) <> (SELECT last_number FROM bill_series WHERE series = 'A')
                OR count(DISTINCT bill_number) <> count(*)
            """),
        ("ratings are those of the reviews",
            """
            SELECT p.id_key FROM products p LEFT JOIN reviews r ON r.product_id = p.id_key
            GROUP BY p.id_key HAVING p.rating_count <> count(r.id_key) OR p.rating_sum <> coalesce(sum(r.rating), 0)
            """),
        ("every order was placed once, and the log leads to its state",
            """
            SELECT o.id_key FROM orders o LEFT JOIN order_events e ON e.order_id = o.id_key
            GROUP BY o.id_key HAVING count(*) FILTER (WHERE e.event = 'placed') <> 1
                OR o.status <> coalesce((max((e.details->>'to')::integer) FILTER (WHERE e.event = 'status_changed')), 1)
            """),
        ("every bill is in the log, and so is its end",
            """
            SELECT b.id_key FROM bills b LEFT JOIN order_events e ON e.order_id = b.order_id AND (e.details->>'bill_id')::bigint = b.id_key
            GROUP BY b.id_key HAVING count(*) FILTER (WHERE e.event = 'billed') <> 1
                OR count(*) FILTER (WHERE e.event = 'bill_voided') <> (b.voided_at IS NOT NULL)::integer
            """),
        ("no two keys stand for one order, line or bill",
            """
            -- A bulk edit makes none of these: its keys stand for their answers.
            SELECT count(*) FROM idempotency_keys WHERE answer IS NULL
            GROUP BY route, order_id, bill_id, line_ids[1] HAVING count(*) > 1
            """),
        ("nobody left a transaction open",
            "SELECT pid::bigint FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND datname = current_database()"),
    ];

    /// <summary>Asserts that every rule holds.</summary>
    /// <param name="stocks">What each product had at first, restocks included; the stock of others is not looked at.</param>
    public static async Task CheckAsync(NpgsqlDataSource database, IReadOnlyDictionary<long, long> stocks)
    {
        foreach (var (what, violations) in Rules)
        {
            await using var command = database.CreateCommand(violations);
            if (violations.Contains("$1", StringComparison.Ordinal))
            {
                command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. stocks.Keys] });
                command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. stocks.Values] });
            }

            var violation = await command.ExecuteScalarAsync(TestContext.Current.CancellationToken);
            Assert.True(violation is null or DBNull, $"Not so: {what} (first at {violation}).");
        }
    }
}
