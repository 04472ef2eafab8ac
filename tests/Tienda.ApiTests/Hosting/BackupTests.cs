using Tienda.ApiTests.Data;
using Tienda.Data;
using Tienda.Hosting;

namespace Tienda.ApiTests.Hosting;

/// <summary>A database goes into a file and comes back, beside a shop that is open.</summary>
public sealed class BackupTests(ShopApp shop)
{
    [Fact]
    public async Task What_was_backed_up_comes_back_under_a_shop_that_runs()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        await using var folder = new ShopFolder();
        using var anyone = own.Anonymous();
        var file = Path.Combine(folder.Path, "shop.dump");
        var product = await own.Given.ProductAsync(stock: 5);
        var order = await own.Given.OrderForAsync((await own.Given.ClientAsync()).Id(), (product, 2)).ShouldBeAsync(201);

        await RunAsync(folder, own, 0, "backup", file);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.Contains("is there already", await RunAsync(folder, own, 1, "backup", file), StringComparison.Ordinal);

        await own.Http.PatchAsync($"/products/{product.Id()}", new { stock = 99, name = "After the backup" }).ShouldBeAsync(200);
        await own.Given.OrderForAsync((await own.Given.ClientAsync()).Id(), (product, 1)).ShouldBeAsync(201);
        await anyone.GottenAsync($"/products/{product.Id()}").ShouldBeAsync(200);

        Assert.Contains("--replace", await RunAsync(folder, own, 1, "restore", file), StringComparison.Ordinal);
        await RunAsync(folder, own, 0, "restore", "--replace", file);

        // Through the cache, which knew another database a moment ago.
        await Eventually.HoldsAsync(async () =>
        {
            using var answer = await anyone.GottenAsync($"/products/{product.Id()}");
            return answer.IsSuccessStatusCode && (int)(await answer.JsonAsync())["stock"]! == 3;
        });
        Assert.Equal((string)product["name"]!, (string)(await anyone.GetJsonAsync($"/products/{product.Id()}"))["name"]!);
        Assert.Equal(order.Id(), (await own.Http.GetJsonAsync("/orders"))[0]!.Id());
        Assert.Single((await own.Http.GetJsonAsync("/orders")).AsArray());
        await own.Given.OrderForAsync((await own.Given.ClientAsync()).Id(), (product, 3)).ShouldBeAsync(201);
    }

    [Fact]
    public async Task A_backup_of_an_older_version_comes_back_over_a_newer_one_and_into_an_empty_database()
    {
        await using var folder = new ShopFolder();
        var file = Path.Combine(folder.Path, "old.dump");
        var old = await shop.Postgres.CreateDatabaseAsync($"old_{Guid.NewGuid():N}");
        await using var database = Database.CreateUnhurried(new Settings { Postgres = old });
        // Before the catalog was counted and had a vocabulary.
        await new Migrator(database, [.. Migration.All.Where(m => m.Version < 10)]).MigrateAsync(TestContext.Current.CancellationToken);
        await using var insert = database.CreateCommand("INSERT INTO products (name, price, stock) VALUES ('Headphones', 100, 1)");
        await insert.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        await RunAsync(folder, old, 0, "backup", file);

        await using var own = await OwnShop.OpenAsync(shop);
        await own.Given.ProductAsync();
        await using var others = own.Database.CreateCommand("CREATE TABLE of_somebody_else (id integer)");
        await others.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        await RunAsync(folder, own.Server, 0, "restore", "--replace", file);
        var empty = await shop.Postgres.CreateDatabaseAsync($"empty_{Guid.NewGuid():N}");
        await RunAsync(folder, empty, 0, "restore", file);

        Assert.True(await own.Database.ValueAsync<bool>("SELECT to_regclass('of_somebody_else') IS NOT NULL"));
        await using var restored = Database.CreateUnhurried(new Settings { Postgres = empty });
        foreach (var one in new[] { own.Database, restored })
        {
            Assert.Equal(1, await one.ValueAsync<long>("SELECT sum(products)::bigint FROM product_counts"));
            Assert.Equal("Headphones", await one.ValueAsync<string>("SELECT string_agg(name, ',') FROM products"));
        }
    }

    [Fact]
    public async Task A_file_that_is_none_changes_nothing()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        await using var folder = new ShopFolder();
        var product = await own.Given.ProductAsync(stock: 5);
        var file = Path.Combine(folder.Path, "none.dump");
        Assert.Contains("There is no file", await RunAsync(folder, own, 1, "restore", "--replace", file), StringComparison.Ordinal);

        await File.WriteAllTextAsync(file, "not a dump", TestContext.Current.CancellationToken);
        Assert.Contains("pg_restore ended with exit code 1", await RunAsync(folder, own, 1, "restore", "--replace", file), StringComparison.Ordinal);
        Assert.Equal(5, (int)(await own.Http.GetJsonAsync($"/products/{product.Id()}"))["stock"]!);
    }

    [Fact]
    public async Task A_migration_does_not_make_others_wait_behind_it_and_comes_again()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var last = Migration.All[^1];
        Migration[] more = [.. Migration.All, new Migration(last.Version + 1, "9999_more.sql", "ALTER TABLE products ADD COLUMN more integer")];
        var product = (await own.Given.ProductAsync()).Id();
        await using var held = await own.HoldAsync(product);

        var migrating = new Migrator(own.Database, more).MigrateAsync(TestContext.Current.CancellationToken);
        for (var i = 0; i < 10; i++)
        {
            await own.Http.GottenAsync($"/products/{product}").ShouldBeAsync(200);
            await Task.Delay(400, TestContext.Current.CancellationToken);
        }

        Assert.False(migrating.IsCompleted);
        await held.DisposeAsync();
        Assert.Single(await migrating);
        await own.Http.GottenAsync($"/products/{product}").ShouldBeAsync(200);
    }

    private static Task<string> RunAsync(ShopFolder folder, OwnShop own, int code, params string[] command) =>
        RunAsync(folder, own.Server, code, command);

    private static async Task<string> RunAsync(ShopFolder folder, PostgresServer server, int code, params string[] command)
    {
        await using var program = TiendaProgram.Start(folder.Path, command, new()
        {
            ["POSTGRES_HOST"] = server.Host,
            ["POSTGRES_DB"] = server.Database,
            ["POSTGRES_USER"] = server.User,
        });
        var ended = await program.ExitCodeAsync();
        Assert.True(ended == code, $"{string.Join(' ', command)} ended with {ended}:\n{program.Output}");
        return program.Output;
    }
}
