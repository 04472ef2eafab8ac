using System.Globalization;
using System.Net;
using Tienda.ApiTests.Data;
using Tienda.Data;
using Tienda.Hosting;
using static Tienda.ApiTests.Products.ImportSteps;

namespace Tienda.ApiTests.Products;

/// <summary>How an import is applied: beside sales, beside others who change the catalog, and to its end, whatever dies meanwhile.</summary>
public sealed class ProductImportApplyTests(ShopApp shop)
{
    // Of which one is applied at a time.
    private const string Turn = "SELECT pg_advisory_xact_lock(hashtext('product_imports'))";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_import_whose_process_is_killed_is_finished_by_the_next()
    {
        await using var folder = new ShopFolder();
        var server = await shop.Postgres.CreateDatabaseAsync($"own_{Guid.NewGuid():N}");
        await using var database = Tienda.Data.Database.CreateUnhurried(new Settings { Postgres = server });
        await new Migrator(database, Migration.All).MigrateAsync(Ct);
        var settings = new Dictionary<string, string>
        {
            ["POSTGRES_HOST"] = server.Host,
            ["POSTGRES_USER"] = server.User,
            ["POSTGRES_DB"] = server.Database,
        };
        long id;
        await using (var program = TiendaProgram.Start(folder.Path, ["--port", "0"], settings))
        {
            using var http = await program.OpenAsync();
            await http.PostAsync("/products", new { name = "Held", sku = "K-1500", price = 5, stock = 7 }).ShouldBeAsync(201);
            // The second portion waits for it.
            await using var held = await HoldAsync(database, "SELECT FROM products WHERE sku = 'K-1500' FOR UPDATE");
            id = (await http.ImportAsync(Lines("K", 2500)).ShouldBeAsync(202)).Id();
            await Eventually.HoldsAsync(async () => await AppliedAsync(database, id) > 0);

            await program.KillAsync();

            // As long as it is held: what was sent to the database already is done, whoever is dead.
            Assert.Equal(1001, await AppliedAsync(database, id));
            Assert.Equal(1001, await database.ValueAsync<long>("SELECT count(*) FROM products"));
        }

        await using var next = TiendaProgram.Start(folder.Path, ["--port", "0"], settings);
        using var again = await next.OpenAsync();
        var import = await again.FinishedAsync(await again.GetJsonAsync($"/products/imports/{id}"));
        Assert.Equal(("completed", 2499, 1), ((string)import["status"]!, (int)import["created"]!, (int)import["updated"]!));
        Assert.Equal(2500, await database.ValueAsync<long>("SELECT count(*) FROM products WHERE price = 150"));
        Assert.Equal(0, await database.ValueAsync<long>("SELECT count(*) FROM product_import_lines"));
    }

    [Fact]
    public async Task Words_and_skus_are_looked_up_one_by_one_where_autovacuum_has_found_nothing()
    {
        // Enough that PostgreSQL is told how many there are.
        const int Lines = 6000;
        await using var own = await OwnShop.OpenAsync(shop);
        await own.Database.ExecuteAsync("VACUUM (ANALYZE) products, search_words");
        var file = string.Concat(Enumerable.Range(1, Lines).Select(i => $"E-{i},Lamp {Letters(i)}x {Letters(i)}y,100,5\n"));

        await own.Http.ImportedAsync("sku,name,price,stock\n" + file);

        // An index that is read whole for many words at once is read once. A product is looked for when it is read what is known, and again
        // when it is put in. What a connection has counted it tells ten seconds later.
        await Eventually.HoldsAsync(
            async () =>
            {
                await Task.Delay(200, Ct);
                return await LookedUpAsync("idx_search_words_word") >= 2 * Lines && await LookedUpAsync("products_sku_unique") >= 2 * Lines;
            },
            within: TimeSpan.FromSeconds(40));

        static string Letters(int number) =>
            string.Concat(number.ToString(CultureInfo.InvariantCulture).Select(digit => (char)('a' + digit - '0')));

        Task<long> LookedUpAsync(string index) => own.Database.ValueAsync<long>(
            $"SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = '{index}'");
    }

    [Fact]
    public async Task Orders_go_on_beside_an_import_and_no_unit_is_lost()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        await own.Database.ExecuteAsync(
            "INSERT INTO products (sku, name, price, stock) SELECT 'S-' || n, 'Lamp ' || n, 150, 100 FROM generate_series(1, 2500) AS n");
        // One of them is of the portion in which the import waits for the product that is held here.
        var products = new List<long>();
        foreach (var i in new[] { 1, 700, 1270, 2400 })
        {
            products.Add(await own.Database.ValueAsync<long>($"SELECT id_key FROM products WHERE sku = 'S-{i}'"));
        }

        var (client, sold) = ((await own.Given.ClientAsync()).Id(), 0);
        System.Text.Json.Nodes.JsonNode import;
        await using (await own.HoldAsync("SELECT FROM products WHERE sku = 'S-1300' FOR UPDATE"))
        {
            // Prices, and no word of the stock.
            import = await own.Http.ImportAsync(
                "sku,price\n" + string.Concat(Enumerable.Range(1, 2500).Select(i => $"S-{i},2.50\n"))).ShouldBeAsync(202);
            await Eventually.HoldsAsync(async () => await AppliedAsync(own.Database, import.Id()) == 1251);

            await SellAsync(3);

            Assert.Equal("applying", (string)(await own.Http.GetJsonAsync($"/products/imports/{import.Id()}"))["status"]!);
        }

        await SellAsync(5);
        var done = await own.Http.FinishedAsync(import);

        Assert.Equal(("completed", 2500), ((string)done["status"]!, (int)done["updated"]!));
        foreach (var product in products)
        {
            var now = await own.Http.GetJsonAsync($"/products/{product}");
            Assert.Equal((100 - sold, 2.5m), ((int)now["stock"]!, (decimal)now["price"]!));
        }

        Task SellAsync(int orders) => Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            for (var i = 0; i < orders; i++)
            {
                using var answer = await own.Http.PostAsync("/orders", new
                {
                    client_id = client,
                    delivery_method = 1,
                    items = products.Select(product => new { product_id = product, quantity = 1 }),
                });
                Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
                Interlocked.Increment(ref sold);
            }
        }));
    }

    [Fact]
    public async Task A_stock_in_the_file_is_the_stock_from_then_on()
    {
        var sku = Prefix();
        var product = await shop.Http.PostAsync("/products", new { name = "A", sku, price = 5, stock = 10 }).ShouldBeAsync(201);
        await shop.Given.OrderAsync((product, 3)).ShouldBeAsync(201);

        await shop.Http.ImportedAsync($"sku,stock\n{sku},10\n");
        await shop.Given.OrderAsync((product, 4)).ShouldBeAsync(201);

        Assert.Equal(6, (int)(await shop.Http.GetJsonAsync($"/products/{product.Id()}"))["stock"]!);
    }

    [Fact]
    public async Task A_category_that_an_import_puts_products_into_stays_until_it_is_done()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var category = await own.Given.CategoryAsync();
        System.Text.Json.Nodes.JsonNode import;
        await using (await own.HoldAsync(Turn))
        {
            import = await own.Http.ImportAsync($"name,price,stock,category_id\nA,1,1,{category.Id()}\n").ShouldBeAsync(202);

            await own.Http.DeleteAsync($"/categories/{category.Id()}", Ct).ShouldBeAsync(409);
        }

        Assert.Equal("completed", (string)(await own.Http.FinishedAsync(import))["status"]!);
        Assert.Equal(category.Id(), (long)(await own.Http.GetJsonAsync("/products")).AsArray().Single()!["category_id"]!);
        Assert.Equal(0, await own.Database.ValueAsync<long>("SELECT count(*) FROM product_import_categories"));
    }

    [Fact]
    public async Task A_sku_that_somebody_else_has_made_meanwhile_is_changed_and_one_that_was_deleted_is_told()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var gone = await own.Http.PostAsync("/products", new { name = "Gone", sku = "gone", price = 5, stock = 7 }).ShouldBeAsync(201);
        System.Text.Json.Nodes.JsonNode import, partial;
        await using (await own.HoldAsync(Turn))
        {
            import = await own.Http.ImportAsync("sku,name,price,stock\nnew,Imported,2,2\n").ShouldBeAsync(202);
            partial = await own.Http.ImportAsync("sku,price\ngone,2\n").ShouldBeAsync(202);
            await own.Http.PostAsync("/products", new { name = "Made by hand", sku = "new", price = 5, stock = 7 }).ShouldBeAsync(201);
            await own.Http.DeleteAsync($"/products/{gone.Id()}", Ct).ShouldBeAsync(204);
        }

        import = await own.Http.FinishedAsync(import);
        partial = await own.Http.FinishedAsync(partial);

        Assert.Equal((0, 1), ((int)import["created"]!, (int)import["updated"]!));
        Assert.Equal("Imported", (string)(await own.Http.BySkuAsync("new"))!["name"]!);
        Assert.Equal((0, 1), ((int)partial["updated"]!, (int)partial["invalid_lines"]!));
        Assert.Equal([(2L, "sku", "is that of a product that was deleted meanwhile")], LinesOf(partial, "errors"));
    }

    [Fact]
    public async Task A_portion_of_many_products_is_one_event_for_the_caches()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        await own.Http.ImportedAsync(Lines("E", 2000));
        var before = await own.Database.ValueAsync<long>("SELECT count(*) FROM cache_events");

        await own.Http.ImportedAsync(Lines("E", 2000).Replace("1.50", "3.50", StringComparison.Ordinal));

        // Eight portions, each of which also changes what there is of a kind.
        Assert.InRange(await own.Database.ValueAsync<long>("SELECT count(*) FROM cache_events") - before, 8, 20);
        Assert.Equal(0, await own.Database.ValueAsync<long>("SELECT count(*) FROM cache_events WHERE cardinality(tags) > 1"));
    }

    private static string Lines(string prefix, int count) => "sku,name,price,stock\n" + string.Concat(
        Enumerable.Range(1, count).Select(i => string.Create(CultureInfo.InvariantCulture, $"{prefix}-{i},Lamp {i},1.50,5\n")));

    private static Task<long> AppliedAsync(Npgsql.NpgsqlDataSource database, long id) =>
        database.ValueAsync<long>($"SELECT applied_to FROM product_imports WHERE id_key = {id}");

    private static async Task<HeldRow> HoldAsync(Npgsql.NpgsqlDataSource database, string sql)
    {
        var connection = await database.OpenConnectionAsync(Ct);
        var transaction = await connection.BeginTransactionAsync(Ct);
        await using var command = new Npgsql.NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Ct);
        return new HeldRow(connection, transaction);
    }
}
