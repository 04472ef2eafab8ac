using Npgsql;
using Tienda.Data;
using Tienda.Demo;
using Tienda.Hosting;

namespace Tienda.ApiTests.Demo;

public sealed class DemoDataTests(ShopApp shop)
{
    private static readonly DemoSizes Some = new(Products: 60, Clients: 12, Orders: 150);

    /// <summary>Each counts what must not exist, whoever made it.</summary>
    private static readonly (string Fault, string Sql)[] Faults =
    [
        ("an order's total is not the sum of its lines",
            "SELECT count(*) FROM orders o WHERE total <> (SELECT sum(price * quantity) FROM order_details d WHERE d.order_id = o.id_key)"),
        ("a bill's total is not its order's less the discount",
            "SELECT count(*) FROM bills b JOIN orders o ON o.id_key = b.order_id WHERE b.total <> o.total - b.discount"),
        ("bill numbers have a gap, or the series is not where they end",
            """
            SELECT count(*) FROM bill_series s WHERE series = 'A' AND
                (SELECT array_agg(bill_number ORDER BY bill_number) FROM bills)
                <> (SELECT array_agg('A-' || lpad(n::text, 8, '0') ORDER BY n) FROM generate_series(1, s.last_number) AS n)
            """),
        ("a delivered or running order without a bill",
            "SELECT count(*) FROM orders o WHERE status IN (2, 3) AND NOT EXISTS (SELECT FROM bills b WHERE b.order_id = o.id_key)"),
        ("a cancelled order with a bill that stands, or another with a voided one",
            "SELECT count(*) FROM bills b JOIN orders o ON o.id_key = b.order_id WHERE (o.status = 4) <> (b.voided_at IS NOT NULL)"),
        ("something in the future, or older than its maker",
            """
            SELECT (SELECT count(*) FROM orders o JOIN clients c ON c.id_key = o.client_id WHERE o.date > now() OR o.date < c.created_at)
                 + (SELECT count(*) FROM bills b JOIN orders o ON o.id_key = b.order_id
                    WHERE b.date < o.date OR b.voided_at < b.date OR coalesce(b.voided_at, b.date) > now())
                 + (SELECT count(*) FROM order_details d JOIN orders o ON o.id_key = d.order_id JOIN products p ON p.id_key = d.product_id
                    WHERE p.created_at > o.date)
                 + (SELECT count(*) FROM reviews WHERE created_at > now())
            """),
        ("a rating that its reviews do not give",
            """
            SELECT count(*) FROM products p WHERE (rating_sum, rating_count)
                <> (SELECT coalesce(sum(rating), 0), count(*) FROM reviews r WHERE r.product_id = p.id_key)
            """),
        ("a review of something that was not delivered",
            """
            SELECT count(*) FROM reviews r WHERE NOT EXISTS (
                SELECT FROM orders o JOIN order_details d ON d.order_id = o.id_key
                WHERE o.client_id = r.client_id AND d.product_id = r.product_id AND o.status = 3 AND o.date < r.created_at)
            """),
        ("a client without an address, or a home delivery without one",
            """
            SELECT (SELECT count(*) FROM clients c WHERE NOT EXISTS (SELECT FROM addresses a WHERE a.client_id = c.id_key))
                 + (SELECT count(*) FROM orders WHERE delivery_method = 3 AND address_id IS NULL)
            """),
        ("a product without a category of the lower level",
            "SELECT count(*) FROM products p LEFT JOIN categories c ON c.id_key = p.category_id WHERE c.parent_id IS NULL"),
        ("clients with different passwords", "SELECT count(DISTINCT password_hash) - 1 FROM clients"),
        ("two products of one name", "SELECT count(*) - count(DISTINCT name) FROM products"),
    ];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Seeded_data_keep_every_rule_of_the_shop()
    {
        await using var database = await EmptyShopAsync("demo_rules");
        Assert.True(await DemoData.SeedAsync(database, Some, progress: null, Ct));

        Assert.Equal("60 12 150", await CountsAsync(database));
        foreach (var (fault, sql) in Faults)
        {
            Assert.True(await TextAsync(database, sql) == "0", fault);
        }

        await Books.CheckAsync(database, new Dictionary<long, long>());
    }

    [Fact]
    public async Task Two_shops_are_given_the_same_names_prices_and_orders()
    {
        await using var first = await EmptyShopAsync("demo_same_a");
        await using var second = await EmptyShopAsync("demo_same_b");

        await DemoData.SeedAsync(first, Some, progress: null, Ct);
        await DemoData.SeedAsync(second, Some, progress: null, Ct);

        Assert.Equal(await ChecksumAsync(first), await ChecksumAsync(second));
    }

    [Fact]
    public void The_first_product_and_client_are_the_same_in_every_version()
    {
        var product = DemoCatalog.Product(1);

        Assert.Equal(("DEMO-000001", "Lumbre Slim Moka Pot, Navy", 4000L), (product.Sku, product.Name, product.Price.MinorUnits));
        Assert.Equal("laura.reyes+demo1@example.com", DemoPeople.Client(1).Email);
    }

    [Fact]
    public async Task Seeding_again_adds_what_is_missing_and_nothing_else()
    {
        await using var database = await EmptyShopAsync("demo_top_up");
        var steps = new List<DemoProgress>();
        await DemoData.SeedAsync(database, new DemoSizes(20, 4, 30), steps.Add, Ct);
        await RunAsync(database, "DELETE FROM products p WHERE id_key = (SELECT min(id_key) FROM products q "
            + "WHERE NOT EXISTS (SELECT FROM order_details d WHERE d.product_id = q.id_key))");

        await DemoData.SeedAsync(database, Some, steps.Add, Ct);
        var full = await ChecksumAsync(database);
        await DemoData.SeedAsync(database, Some, steps.Add, Ct);
        await DemoData.SeedAsync(database, new DemoSizes(0, 0, 0), steps.Add, Ct);

        Assert.Equal("60 12 150", await CountsAsync(database));
        Assert.Equal(full, await ChecksumAsync(database));
        Assert.Contains(new DemoProgress("products", 60, 60), steps);
        Assert.Contains(new DemoProgress("orders", 30, 30), steps);
    }

    [Fact]
    public async Task The_history_of_products_passes_over_invented_orders_until_something_is_sold()
    {
        await using var database = await EmptyShopAsync("demo_history");
        const string PassedOver = "SELECT max(d.id_key) - min(s.last_line) FROM order_details d, product_history_start s";
        await DemoData.SeedAsync(database, new DemoSizes(20, 4, 30), progress: null, Ct);
        Assert.Equal("0", await TextAsync(database, PassedOver));
        await DemoData.SeedAsync(database, new DemoSizes(20, 4, 60), progress: null, Ct);
        Assert.Equal("0", await TextAsync(database, PassedOver));
        await RunAsync(
            database,
            """
            INSERT INTO order_details (order_id, product_id, price, quantity, stock_after)
            SELECT max(order_id), max(product_id), 100, 1, 5 FROM order_details
            """);

        await DemoData.SeedAsync(database, new DemoSizes(20, 4, 90), progress: null, Ct);

        Assert.Equal("true", await TextAsync(
            database, "SELECT bool_and(d.id_key > s.last_line) FROM order_details d, product_history_start s WHERE d.stock_after IS NOT NULL"));
    }

    [Fact]
    public async Task Rows_of_others_stay_as_they_are_and_their_bill_numbers_are_continued()
    {
        await using var database = await EmptyShopAsync("demo_beside");
        await RunAsync(
            database,
            """
            INSERT INTO categories (name) VALUES ('Cookware'), ('Kitchen'), ('Mine');
            INSERT INTO products (name, sku, price, stock, category_id) VALUES ('Mine', 'MINE-1', 250, 3, 3), ('Bare', NULL, 100, 0, NULL);
            INSERT INTO clients (name, lastname, email) VALUES ('Ana', 'Real', 'ana@example.com');
            INSERT INTO orders (client_id, total, delivery_method) VALUES (1, 500, 1);
            INSERT INTO order_details (order_id, product_id, price, quantity) VALUES (1, 1, 250, 2);
            INSERT INTO bills (order_id, bill_number, discount, total, payment_type) VALUES (1, next_bill_number('A'), 0, 500, 1);
            INSERT INTO reviews (client_id, product_id, rating) VALUES (1, 1, 45);
            """);
        const string Theirs =
            """
            SELECT concat((SELECT json_agg(c ORDER BY c.id_key) FROM categories c WHERE id_key <= 3),
                (SELECT json_agg(p ORDER BY p.id_key) FROM products p WHERE id_key <= 2),
                (SELECT to_json(c) FROM clients c WHERE id_key = 1),
                (SELECT to_json(o) FROM orders o WHERE id_key = 1), (SELECT json_agg(d) FROM order_details d WHERE order_id = 1),
                (SELECT json_agg(b) FROM bills b WHERE order_id = 1), (SELECT json_agg(r) FROM reviews r WHERE client_id = 1))
            """;
        var before = await TextAsync(database, Theirs);

        await DemoData.SeedAsync(database, Some, progress: null, Ct);

        Assert.Equal(before, await TextAsync(database, Theirs));
        Assert.Equal("61 13 151", await TextAsync(database, "SELECT concat_ws(' ', (SELECT count(*) FROM products WHERE sku IS NOT NULL), "
            + "(SELECT count(*) FROM clients), (SELECT count(*) FROM orders))"));
        Assert.Equal("A-00000001", await TextAsync(database, "SELECT bill_number FROM bills WHERE order_id = 1"));
        Assert.Equal("t", await TextAsync(database, "SELECT CASE WHEN count(*) = max(right(bill_number, 8)::int) THEN 't' END FROM bills"));
    }

    [Fact]
    public async Task Without_products_or_clients_there_are_no_orders()
    {
        await using var database = await EmptyShopAsync("demo_no_orders");

        Assert.False(await DemoData.SeedAsync(database, new DemoSizes(0, 3, 5), progress: null, Ct));
        Assert.Equal("0 3 0", await CountsAsync(database));
        Assert.Equal("0", await TextAsync(database, "SELECT count(*) FROM categories"));
    }

    [Fact]
    public async Task The_shop_goes_on_behind_the_seeded_rows()
    {
        var server = await shop.Postgres.CreateDatabaseAsync("demo_goes_on");
        var (app, http) = await ShopApp.OpenShopAsync(server);
        await using var running = app;
        using var client = http;
        await using var database = Database.CreateUnhurried(new Settings { Postgres = server });
        await DemoData.SeedAsync(database, Some, progress: null, Ct);

        var product = await new Given(http).ProductAsync();

        Assert.Equal(61, product.Id());
        Assert.Equal(61, (await http.GetJsonAsync("/products")).AsArray().Count);
    }

    [Theory]
    [InlineData("--products", "-1")]
    [InlineData("--clients", "1000000")]
    [InlineData("--orders", "99999999999999999999")]
    [InlineData("--orders", "many")]
    public async Task A_number_that_makes_no_sense_is_refused(string option, string value) =>
        Assert.NotEqual(0, await CommandLine.RunAsync(["seed", option, value]));

    private async Task<NpgsqlDataSource> EmptyShopAsync(string name)
    {
        var database = Database.CreateUnhurried(new Settings { Postgres = await shop.Postgres.CreateDatabaseAsync(name) });
        await new Migrator(database, Migration.All).MigrateAsync(Ct);
        return database;
    }

    private static Task<string> CountsAsync(NpgsqlDataSource database) => TextAsync(
        database, "SELECT concat_ws(' ', (SELECT count(*) FROM products), (SELECT count(*) FROM clients), (SELECT count(*) FROM orders))");

    /// <summary>Everything but the salted hash.</summary>
    private static Task<string> ChecksumAsync(NpgsqlDataSource database) => TextAsync(
        database,
        """
        SELECT md5(concat(
            (SELECT string_agg(p::text, '|' ORDER BY id_key) FROM products p),
            (SELECT string_agg(c::text, '|' ORDER BY id_key) FROM categories c),
            (SELECT string_agg(concat_ws(';', id_key, name, lastname, email, telephone, created_at), '|' ORDER BY id_key) FROM clients),
            (SELECT string_agg(a::text, '|' ORDER BY id_key) FROM addresses a),
            (SELECT string_agg(o::text, '|' ORDER BY id_key) FROM orders o),
            (SELECT string_agg(d::text, '|' ORDER BY id_key) FROM order_details d),
            (SELECT string_agg(b::text, '|' ORDER BY id_key) FROM bills b),
            (SELECT string_agg(concat_ws(';', product_id, client_id, rating, comment, created_at), '|' ORDER BY id_key) FROM reviews)))
        """);

    private static async Task<string> TextAsync(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand($"SELECT ({sql})::text");
        return (await command.ExecuteScalarAsync(Ct)) as string ?? "";
    }

    private static async Task RunAsync(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Ct);
    }
}
