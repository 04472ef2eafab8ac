using Npgsql;
using Tienda.Data;
using Tienda.Hosting;

namespace Tienda.ApiTests.Products;

/// <summary>0016_keep_product_history.sql in a shop that has sold before.</summary>
public sealed class HistoryMigrationTests(ShopApp shop)
{
    // As the program before called it: two of the one product for the one client.
    private const string Sale =
        """
        SELECT order_id FROM place_orders(
            ARRAY['api-key'], ARRAY[NULL]::text[], ARRAY[NULL]::bytea[],
            ARRAY[1]::bigint[], ARRAY[NULL]::bigint[], ARRAY[1]::smallint[], ARRAY[NULL]::smallint[], ARRAY[0]::bigint[],
            ARRAY[1], ARRAY[1], ARRAY[2], ARRAY[NULL]::bigint[], ARRAY[1]::bigint[], false)
        """;

    private const string History = "/products/1/history";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Lines_from_before_tell_nothing_and_what_becomes_of_them_is_told()
    {
        var server = await OldDatabaseAsync();
        await using (var database = Open(server))
        {
            for (var order = 1; order <= 4; order++)
            {
                Assert.Equal(order, await database.ValueAsync<long>(Sale));
            }
        }

        await using var own = await OwnShop.OpenAsync(server);
        Assert.Equal(4, await own.Database.ValueAsync<long>("SELECT last_line FROM product_history_start"));
        Assert.Empty((await own.Http.GetJsonAsync(History)).AsArray());
        await own.Http.PatchAsync("/order_details/1", new { quantity = 3 }).ShouldBeAsync(200);
        await own.Http.PatchAsync("/orders/2", new { status = 4 }).ShouldBeAsync(200);
        await own.Http.DeletedAsync("/order_details/3").ShouldBeAsync(204);
        await own.Http.DeletedAsync("/orders/4").ShouldBeAsync(204);
        await own.Given.OrderAsync((await own.Http.GetJsonAsync("/products/1"), 1)).ShouldBeAsync(201);

        Assert.Equal(
            [("sale", 17, 16), ("order_deleted", 15, 17), ("line_change", 13, 15), ("cancellation", 11, 13), ("line_change", 12, 11)],
            await HistoryAsync(own));
    }

    [Fact]
    public async Task A_sale_that_has_to_wait_for_it_is_told()
    {
        var server = await OldDatabaseAsync();
        await using var database = Open(server);
        await database.ValueAsync<long>(Sale);
        Task migration, sale;
        await using (var earlier = await database.HoldAsync("SELECT pg_advisory_xact_lock_shared(hashtext('place_orders'))"))
        {
            migration = new Migrator(database, Migration.All).MigrateAsync(Ct);
            await earlier.WaitedForAsync(1);
            // It has begun as the function was.
            sale = database.ValueAsync<long>(Sale);
            await earlier.WaitedForAsync(2);
        }

        await Task.WhenAll(migration, sale);
        await using var own = await OwnShop.OpenAsync(server);
        await own.Given.OrderAsync((await own.Http.GetJsonAsync("/products/1"), 1)).ShouldBeAsync(201);

        Assert.Equal([("sale", 16, 15), ("sale", 18, 16)], await HistoryAsync(own));
    }

    private static async Task<IEnumerable<(string, int, int)>> HistoryAsync(OwnShop own) =>
        (await own.Http.GetJsonAsync(History)).AsArray().Select(h => ((string)h!["reason"]!, (int)h["old_stock"]!, (int)h["new_stock"]!));

    private static NpgsqlDataSource Open(PostgresServer server) => Database.CreateUnhurried(new Settings { Postgres = server });

    private async Task<PostgresServer> OldDatabaseAsync()
    {
        var server = await shop.Postgres.CreateDatabaseAsync($"history_{Guid.NewGuid():N}");
        await using var database = Open(server);
        await new Migrator(database, [.. Migration.All.Where(m => m.Version < 16)]).MigrateAsync(Ct);
        await using var fill = database.CreateCommand(
            """
            INSERT INTO products (name, price, stock) VALUES ('Old', 950, 20);
            INSERT INTO clients (name, lastname, email) VALUES ('Ana', 'Vieja', 'ana@example.com');
            """);
        await fill.ExecuteNonQueryAsync(Ct);
        return server;
    }
}
