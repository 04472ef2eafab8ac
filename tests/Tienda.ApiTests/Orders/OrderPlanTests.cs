using System.Globalization;

namespace Tienda.ApiTests.Orders;

/// <summary>A shop of its own with a long history, whose statements PostgreSQL explains.</summary>
public sealed class LongHistory(ShopApp shop) : IAsyncLifetime
{
    public const int Orders = 100_000;

    /// <summary>One order a minute from here on.</summary>
    public static readonly DateTime Begin = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    public OwnShop Own { get; private set; } = null!;

    public PlanLog Plans { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        var name = $"history_{Guid.NewGuid():N}";
        var server = await shop.Postgres.CreateDatabaseAsync(name);
        await PlanLog.BeginAsync(shop.Database, name);
        Own = await OwnShop.OpenAsync(server);
        Plans = new PlanLog(shop.Postgres);
        // One client in ten orders is a reseller; one order in a thousand waits, one in ten was canceled, and one in fifty was noted a day late.
        await using var fill = Own.Database.CreateCommand(
            $"""
            SET auto_explain.log_min_duration = -1;
            INSERT INTO categories (name) SELECT 'Category ' || n FROM generate_series(1, 2000) AS n;
            INSERT INTO products (name, price, stock) SELECT 'Product ' || n, 100, 10 FROM generate_series(1, 2000) AS n;
            SET session_replication_role = replica;
            INSERT INTO clients (name, lastname, email)
            SELECT 'Ana', 'Ruiz', 'ana' || n || '@example.com' FROM generate_series(1, 20000) AS n;
            INSERT INTO addresses (client_id, street, number, city)
            SELECT 1 + n % 20000, 'Calle', '1', 'Madrid' FROM generate_series(1, 40000) AS n;
            INSERT INTO orders (client_id, date, total, delivery_method, status)
            SELECT CASE WHEN n % 10 = 0 THEN 7 ELSE 1 + n % 20000 END,
                '{Begin:O}'::timestamptz + (n - CASE WHEN n % 50 = 3 THEN 1440 ELSE 0 END) * interval '1 minute', 300, 1,
                CASE WHEN n % 1000 = 1 THEN 1 WHEN n % 10 = 2 THEN 4 ELSE 3 END
            FROM generate_series(1, {Orders}) AS n;
            INSERT INTO order_details (order_id, product_id, price, quantity)
            SELECT 1 + n % {Orders}, 1 + n % 2000, 100, 1 FROM generate_series(1, {2 * Orders}) AS n;
            INSERT INTO order_events (order_id, caller, event) SELECT n, 'api-key', 'placed' FROM generate_series(1, {Orders}) AS n;
            INSERT INTO bills (bill_number, order_id, total, discount, payment_type)
            SELECT 'B-' || n, n, 300, 0, 1 FROM generate_series(1, {Orders}) AS n;
            INSERT INTO reviews (product_id, client_id, rating)
            SELECT 1 + n % 500, 1 + n / 500, 50 FROM generate_series(0, {Orders / 2}) AS n;
            RESET session_replication_role;
            ANALYZE;
            """);
        fill.CommandTimeout = 0;
        await fill.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync() => await Own.DisposeAsync();
}

/// <summary>How PostgreSQL answers the lists of a shop with a long history: what it did, not how long that took.</summary>
public sealed class OrderPlanTests(LongHistory history) : IClassFixture<LongHistory>
{
    private const int Limit = 20;

    [Theory]
    [InlineData("/orders", "", 1)]
    [InlineData("/orders", "&status=3", 2)]
    [InlineData("/orders", "&status=1", 1)]
    // One in ten.
    [InlineData("/orders", "&client_id=7", 10)]
    [InlineData("/clients/7/orders", "", 10)]
    [InlineData("/order_details", "", 1)]
    [InlineData("/bills", "", 1)]
    [InlineData("/clients", "", 1)]
    [InlineData("/addresses", "", 1)]
    [InlineData("/categories", "", 1)]
    [InlineData("/reviews", "", 1)]
    [InlineData("/products/7/reviews", "", 1)]
    public async Task A_page_is_found_by_an_index_at_every_depth(string list, string filter, int rarity)
    {
        var path = $"{list}?limit={Limit}{filter}";
        await CheckAsync(path, Limit * rarity);
        var deep = await CheckAsync($"{path}&skip=50", (Limit + 50) * rarity);
        await CheckAsync(deep!, Limit * rarity);
    }

    // One minute is one order.
    [Theory]
    [InlineData("", 1)]
    [InlineData("&status=3", 2)]
    [InlineData("&status=1", 100)]
    [InlineData("&client_id=7", 20)]
    public async Task Of_a_time_no_other_orders_are_looked_at(string filter, int rarity)
    {
        foreach (var (from, to) in new (int?, int?)[] { (99_000, null), (50_000, null), (null, 50_000), (50_000, 60_000), (100, 90_000) })
        {
            var time = (from is { } first ? $"&from={Minute(first)}" : "") + (to is { } last ? $"&to={Minute(last)}" : "");
            var path = $"/orders?limit={Limit}{time}{filter}";
            for (var page = 0; page < 3 && path is not null; page++)
            {
                path = await CheckAsync(path, Limit * rarity);
            }
        }
    }

    [Fact]
    public async Task What_belongs_to_one_order_is_found_by_it()
    {
        await CheckAsync($"/orders/50000/order_details?limit={Limit}", Limit);
        await CheckAsync($"/orders/50000/events?limit={Limit}", Limit);
    }

    private static string Minute(int number) =>
        LongHistory.Begin.AddMinutes(number).ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);

    /// <param name="most">How many rows may have to be looked at to find what is shown.</param>
    /// <returns>The next page.</returns>
    private async Task<string?> CheckAsync(string path, int most)
    {
        history.Plans.Take("");
        using var answer = await history.Own.Http.GottenAsync(path);
        Assert.True(answer.IsSuccessStatusCode, path);

        var plans = history.Plans.Take("");
        foreach (var table in new[] { "orders", "order_details", "order_events", "bills", "clients", "addresses", "categories", "reviews" })
        {
            Assert.All(plans, plan => Assert.Empty(plan.SequentialScans(table)));
            // What belongs to the rows of a page is looked at beside them, and one row more tells that there is a next page.
            Assert.All(plans, plan => Assert.True(plan.Visited(table) <= 2 * (most + 1), $"{path} looks at {plan.Visited(table)} {table}: {plan}"));
        }

        Assert.All(plans, plan => Assert.True(plan.Sorted <= 2 * (most + 1), $"{path} sorts {plan.Sorted} rows: {plan}"));
        return answer.Headers.TryGetValues("Link", out var link) ? link.Single().Split('<', '>')[1] : null;
    }
}
