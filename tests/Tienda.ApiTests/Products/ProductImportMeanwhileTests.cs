using System.Text.Json.Nodes;
using static Tienda.ApiTests.Products.ImportSteps;

namespace Tienda.ApiTests.Products;

/// <summary>What others do while a file comes, and between the decision on it and its application.</summary>
public sealed class ProductImportMeanwhileTests(ShopApp shop)
{
    // Of which one is applied at a time.
    private const string Turn = "SELECT pg_advisory_xact_lock(hashtext('product_imports'))";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_product_that_gets_another_sku_at_that_moment_is_not_the_one_that_is_changed()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        // Both of them are to wait for the row, in this order.
        await own.Database.ExecuteAsync("ALTER FUNCTION apply_import_lines(integer) SET lock_timeout = '30s'");
        var product = await own.Http.PostAsync("/products", new { name = "By hand", sku = "wanted", price = 5, stock = 7 }).ShouldBeAsync(201);
        Task<HttpResponseMessage> renaming;
        JsonNode import;
        await using (await own.HoldAsync(product.Id()))
        {
            renaming = own.Http.PatchAsync($"/products/{product.Id()}", new { sku = "another" });
            await Eventually.HoldsAsync(async () => await own.Database.WaitingAsync() == 1);
            import = await own.Http.ImportAsync("sku,name,price,stock\nwanted,Imported,2,2\n").ShouldBeAsync(202);
            await Eventually.HoldsAsync(async () => await own.Database.WaitingAsync() == 2);
        }

        await renaming.ShouldBeAsync(200);
        import = await own.Http.FinishedAsync(import);

        Assert.Equal((1, 0), ((int)import["created"]!, (int)import["updated"]!));
        var renamed = await own.Http.GetJsonAsync($"/products/{product.Id()}");
        Assert.Equal(("By hand", "another", 7), ((string)renamed["name"]!, (string)renamed["sku"]!, (int)renamed["stock"]!));
        Assert.Equal("Imported", (string)(await own.Http.BySkuAsync("wanted"))!["name"]!);
    }

    [Fact]
    public async Task Imports_are_applied_in_the_order_in_which_they_were_found_right()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        using var slow = new PausedFile("sku,name,price,stock\n", "twice,Came last,1,1\n");
        JsonNode first, last;
        await using (await own.HoldAsync(Turn))
        {
            var sending = own.Http.PostAsync("/products/import", slow, Ct);
            await IsReceivingAsync(own);
            first = await own.Http.ImportAsync("sku,name,price,stock\ntwice,Came first,1,1\n").ShouldBeAsync(202);
            slow.GoOn();
            last = await sending.ShouldBeAsync(202);
        }

        first = await own.Http.FinishedAsync(first);
        last = await own.Http.FinishedAsync(last);

        Assert.True(last.Id() < first.Id());
        Assert.Equal((1, 1), ((int)first["created"]!, (int)last["updated"]!));
        Assert.Equal("Came last", (string)(await own.Http.BySkuAsync("twice"))!["name"]!);
    }

    [Fact]
    public async Task A_product_that_has_got_a_sku_is_neither_changed_by_a_line_with_its_id_nor_made_again()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var (named, gone) = (await own.Given.ProductAsync(), await own.Given.ProductAsync());
        JsonNode import;
        await using (await own.HoldAsync(Turn))
        {
            import = await own.Http.ImportAsync(
                $"id_key,name,price,stock\n{named.Id()},Imported,2,2\n{gone.Id()},Again,2,2\n").ShouldBeAsync(202);
            await own.Http.PatchAsync($"/products/{named.Id()}", new { name = "By hand", sku = "named" }).ShouldBeAsync(200);
            await own.Http.DeleteAsync($"/products/{gone.Id()}", Ct).ShouldBeAsync(204);
        }

        import = await own.Http.FinishedAsync(import);

        Assert.Equal([(2L, "sku", "is missing, and the product with this id_key has one")], LinesOf(import, "errors"));
        Assert.Equal((1, 0, 1), ((int)import["created"]!, (int)import["updated"]!, (int)import["invalid_lines"]!));
        Assert.Equal(["Again", "By hand"], (await own.Http.GetJsonAsync("/products")).AsArray().Select(p => (string)p!["name"]!).Order());
    }

    [Fact]
    public async Task Ids_that_an_import_gives_to_its_own_products_are_not_those_that_later_lines_name()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        await own.Database.ExecuteAsync("ALTER TABLE products ALTER COLUMN id_key RESTART WITH 101");

        var import = await own.Http.ImportedAsync(OfAnotherShop(2000));

        Assert.Equal((2000, 0, 0), ((int)import["created"]!, (int)import["updated"]!, (int)import["invalid_lines"]!));
        Assert.Equal(2000, await own.Database.ValueAsync<long>("SELECT count(DISTINCT name) FROM products"));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("named")]
    public async Task A_product_that_comes_after_the_decision_is_not_the_one_that_a_line_names_by_its_id(string? sku)
    {
        await using var own = await OwnShop.OpenAsync(shop);
        JsonNode import, product;
        await using (await own.HoldAsync(Turn))
        {
            import = await own.Http.ImportAsync(OfAnotherShop(3)).ShouldBeAsync(202);
            product = await own.Http.PostAsync("/products", new { name = "By hand", sku, price = 5, stock = 7 }).ShouldBeAsync(201);
        }

        import = await own.Http.FinishedAsync(import);

        Assert.Equal((3, 0, 0), ((int)import["created"]!, (int)import["updated"]!, (int)import["invalid_lines"]!));
        Assert.Equal("By hand", (string)(await own.Http.GetJsonAsync($"/products/{product.Id()}"))["name"]!);
        Assert.Equal(4, (await own.Http.GetJsonAsync("/products")).AsArray().Count);
    }

    [Fact]
    public async Task Neither_are_they_in_one_that_the_version_before_has_decided()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        await own.Given.ProductAsync();
        // It has come to its second line.
        await own.Database.ExecuteAsync(
            """
            INSERT INTO product_imports (status, caller, skips_invalid, dry_run, lines, received_at, applied_to)
            VALUES ('applying', 'api-key', false, false, 3, now(), 2)
            """,
            "INSERT INTO products (name, price, stock) VALUES ('Lamp 1', 150, 1)",
            """
            INSERT INTO product_import_lines (import_id, line, has_description, has_category, product_id, price, stock, name)
            SELECT id_key, n + 2, false, false, n, 150, 1, 'Lamp ' || n + 1 FROM product_imports, generate_series(1, 3) AS n
            """);

        await own.Http.ImportedAsync("name,price,stock\nLast,1,1\n");

        Assert.Equal(
            "completed 2 1", await own.Database.ValueAsync<string>("SELECT concat_ws(' ', status, created, updated) FROM product_imports WHERE lines = 3"));
        Assert.Equal(
            ["Lamp 1", "Lamp 2", "Lamp 3", "Lamp 4", "Last"],
            (await own.Http.GetJsonAsync("/products")).AsArray().Select(p => (string)p!["name"]!).Order());
    }

    [Fact]
    public async Task A_line_that_says_a_part_of_a_product_without_sku_that_was_deleted_is_told_by_its_id()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var gone = await own.Given.ProductAsync();
        JsonNode import;
        await using (await own.HoldAsync(Turn))
        {
            import = await own.Http.ImportAsync($"id_key,price\n{gone.Id()},2\n").ShouldBeAsync(202);
            await own.Http.DeleteAsync($"/products/{gone.Id()}", Ct).ShouldBeAsync(204);
        }

        Assert.Equal(
            [(2L, "id_key", "is that of a product that was deleted meanwhile")],
            LinesOf(await own.Http.FinishedAsync(import), "errors"));
    }

    [Fact]
    public async Task A_category_that_is_deleted_while_the_file_comes_is_told_to_its_sender()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var (kept, gone) = (await own.Given.CategoryAsync(), await own.Given.CategoryAsync());
        using var file = new PausedFile(
            "name,price,stock,category_id,category\n", $"A,1,1,{kept.Id()},\nB,1,1,{gone.Id()},\nC,1,1,,{gone["name"]}\n");
        var sending = own.Http.PostAsync("/products/import", file, Ct);
        await IsReceivingAsync(own);

        await own.Http.DeleteAsync($"/categories/{gone.Id()}", Ct).ShouldBeAsync(204);
        file.GoOn();
        var problem = await sending.ShouldBeAsync(422);

        const string Message = "is that of a category that was deleted meanwhile";
        Assert.Equal(
            [(PausedFile.LinesBefore + 3L, "category_id", Message), (PausedFile.LinesBefore + 4L, "category_id", Message)], LinesOf(problem));
        // What was refused keeps nothing.
        await own.Http.DeleteAsync($"/categories/{kept.Id()}", Ct).ShouldBeAsync(204);
    }

    [Theory]
    [InlineData("", 202, 409)]
    [InlineData("?dry_run=true", 200, 204)]
    [InlineData("B,0,1,\n", 422, 204)]
    public async Task Categories_can_be_renamed_while_an_import_that_names_them_is_decided_and_not_deleted(string rest, int answer, int deleted)
    {
        await using var own = await OwnShop.OpenAsync(shop);
        await own.Database.ExecuteAsync(
            "ALTER FUNCTION wrong_import_lines RENAME TO lines_found_wrong",
            """
            CREATE FUNCTION wrong_import_lines(import bigint) RETURNS TABLE (line bigint, field text, message text) LANGUAGE plpgsql AS $$ BEGIN
                PERFORM pg_advisory_xact_lock_shared(77);
                RETURN QUERY SELECT * FROM lines_found_wrong(import);
            END $$
            """);
        var category = await own.Given.CategoryAsync();
        var path = $"/categories/{category.Id()}";
        await using var turn = await own.HoldAsync(Turn);
        Task<HttpResponseMessage> sending;
        await using (await own.HoldAsync("SELECT pg_advisory_xact_lock(77)"))
        {
            var (lines, query) = rest.StartsWith('?') ? ("", rest) : (rest, "");
            sending = own.Http.ImportAsync($"name,price,stock,category_id\nA,1,1,{category.Id()}\n{lines}", query: query);
            await Eventually.HoldsAsync(async () => await own.Database.WaitingAsync() == 1);

            await own.Http.PatchAsync(path, new { name = Given.Unique("Renamed") }).ShouldBeAsync(200);
            await own.Http.DeleteAsync(path, Ct).ShouldBeAsync(409);
        }

        await sending.ShouldBeAsync(answer);
        await own.Http.DeleteAsync(path, Ct).ShouldBeAsync(deleted);
    }

    [Fact]
    public async Task One_that_is_ended_while_it_is_decided_keeps_no_category()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var category = await own.Given.CategoryAsync();
        Task<HttpResponseMessage> sending, ending;
        await using (var held = await own.HoldAsync($"SELECT FROM categories WHERE id_key = {category.Id()} FOR UPDATE"))
        {
            sending = own.Http.ImportAsync($"name,price,stock,category_id\nA,1,1,{category.Id()}\n");
            await held.WaitedForAsync(1);
            var import = await own.Database.ValueAsync<long>("SELECT id_key FROM product_imports");
            ending = own.Http.DeleteAsync($"/products/imports/{import}", Ct);
            await Eventually.HoldsAsync(async () => await own.Database.WaitingAsync() == 2);
        }

        await ending.ShouldBeAsync(200);
        await sending.ShouldBeAsync(503);
        await own.Http.DeleteAsync($"/categories/{category.Id()}", Ct).ShouldBeAsync(204);
    }

    [Fact]
    public async Task Whoever_is_at_the_statistics_already_costs_the_sender_nothing()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        await using var vacuuming = await own.HoldAsync("LOCK TABLE product_import_lines IN SHARE UPDATE EXCLUSIVE MODE");
        var file = "name,price,stock\n" + string.Concat(Enumerable.Repeat("Lamp,1,1\n", 6000));

        var import = await own.Http.ImportAsync(file, query: "?dry_run=true").ShouldBeAsync(200);

        Assert.Equal(6000, (int)import["created"]!);
    }

    // Whose ids are other products here, or none.
    private static string OfAnotherShop(int products) => "id_key,name,price,stock\n" + string.Concat(
        Enumerable.Range(1, products).Select(i => $"{i},Lamp {i},1,1\n"));

    private static Task IsReceivingAsync(OwnShop own) => Eventually.HoldsAsync(async () =>
        await own.Database.ValueAsync<long>("SELECT count(*) FROM product_imports WHERE status = 'receiving'") == 1);
}
