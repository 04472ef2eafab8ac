using Tienda.ApiTests.Data;
using Tienda.Data;

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

    private static async Task<string> RunAsync(ShopFolder folder, OwnShop own, int code, params string[] command)
    {
        await using var program = TiendaProgram.Start(folder.Path, command, new()
        {
            ["POSTGRES_HOST"] = own.Server.Host,
            ["POSTGRES_DB"] = own.Server.Database,
            ["POSTGRES_USER"] = own.Server.User,
        });
        var ended = await program.ExitCodeAsync();
        Assert.True(ended == code, $"{string.Join(' ', command)} ended with {ended}:\n{program.Output}");
        return program.Output;
    }
}
