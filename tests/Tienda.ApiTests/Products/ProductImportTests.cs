using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Tienda.ApiTests.Data;
using static Tienda.ApiTests.Products.ImportSteps;

namespace Tienda.ApiTests.Products;

/// <summary>What an import takes, what it refuses, and that it is all or nothing.</summary>
public sealed class ProductImportTests(ShopApp shop)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Csv)]
    [InlineData(Ndjson)]
    public async Task A_file_makes_new_products_and_changes_those_whose_skus_are_there(string mediaType)
    {
        var (old, fresh) = (Prefix(), Prefix());
        var there = await shop.Http.PostAsync(
            "/products", new { name = "Old", description = "Stays", sku = old, price = 5, stock = 7 }).ShouldBeAsync(201);
        var category = await shop.Given.CategoryAsync();

        var import = await shop.Http.ImportedAsync(
            mediaType == Csv
                ? $"\uFEFFsku,name,price,stock,category,active\r\n{old},New name,6.5,9,{category["name"]},TRUE\r\n\r\n{fresh},\"Lamp, red\",12.50,3,,\r\n"
                : $$"""
                  {"sku":"{{old}}","name":"New name","price":6.5,"stock":9,"category_id":{{category.Id()}}}
                  {"sku":"{{fresh}}","name":"Lamp, red","price":12.50,"stock":3,"rating_count":5,"active":null}
                  """,
            mediaType);

        Assert.Equal("completed", (string)import["status"]!);
        Assert.Equal((2, 0, 1, 1), ((int)import["lines"]!, (int)import["invalid_lines"]!, (int)import["created"]!, (int)import["updated"]!));
        var changed = await shop.Http.GetJsonAsync($"/products/{there.Id()}");
        Assert.Equal(("New name", "Stays", 6.5m, 9), ((string)changed["name"]!, (string)changed["description"]!, (decimal)changed["price"]!, (int)changed["stock"]!));
        Assert.Equal(category.Id(), (long)changed["category_id"]!);
        var made = await shop.Http.BySkuAsync(fresh);
        Assert.Equal(("Lamp, red", 3, true), ((string)made!["name"]!, (int)made["stock"]!, (bool)made["active"]!));
        Assert.Null(made["description"]);
    }

    [Fact]
    public async Task The_answer_leads_to_the_import_and_a_second_one_of_the_same_file_changes_nothing()
    {
        var file = $"sku,name,price,stock,description\n{Prefix()},A,1,1,\n{Prefix()},B,2,2,\"\"\n";
        using var accepted = await shop.Http.ImportAsync(file);
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        var location = accepted.Headers.Location!.ToString();
        var import = await shop.Http.FinishedAsync(await accepted.JsonAsync());

        var again = await shop.Http.ImportedAsync(file);

        Assert.EndsWith($"/products/imports/{import.Id()}", location, StringComparison.Ordinal);
        Assert.Equal((2, 0, 0), ((int)import["created"]!, (int)import["updated"]!, (int)import["unchanged"]!));
        Assert.Equal((0, 0, 2), ((int)again["created"]!, (int)again["updated"]!, (int)again["unchanged"]!));
        Assert.NotNull(again["finished_at"]);
    }

    [Fact]
    public async Task An_invalid_last_line_leaves_nothing_changed()
    {
        var prefix = Prefix();
        var product = await shop.Http.PostAsync("/products", new { name = "Old", sku = $"{prefix}-1", price = 5, stock = 7 }).ShouldBeAsync(201);
        var file = new StringBuilder("sku,name,price,stock\n");
        for (var i = 1; i <= 6000; i++)
        {
            file.Append(CultureInfo.InvariantCulture, $"{prefix}-{i},Lamp {i},1.5,1\n");
        }

        var problem = await shop.Http.ImportAsync(file + $"{prefix}-last,Lamp,0,1\n").ShouldBeAsync(422);

        Assert.Equal([(6002L, "price", "must be 0.01 to 9999999999.99")], LinesOf(problem));
        Assert.Equal(1, (int)problem["invalid_lines"]!);
        Assert.Equal("Old", (string)(await shop.Http.GetJsonAsync($"/products/{product.Id()}"))["name"]!);
        Assert.Equal(1, await shop.Database.ValueAsync<long>($"SELECT count(*) FROM products WHERE sku LIKE '{prefix}%'"));
        Assert.Equal(0, await shop.Database.ValueAsync<long>($"SELECT count(*) FROM product_import_lines WHERE sku LIKE '{prefix}%'"));
    }

    [Theory]
    [InlineData("name,price,stock\nA,1,1\nB,x,1\n", 3, "price", "must be a number, such as 19.99")]
    [InlineData("name,price,stock\nA,1.001,1\n", 2, "price", "must have at most two decimals")]
    [InlineData("name,price,stock\n,1,1\n", 2, "name", "is required")]
    [InlineData("name,price,stock\nA,\"1,5\",1\n", 2, "price", "must be a number, such as 19.99")]
    [InlineData("name,price,stock\nA,1,1.5\n", 2, "stock", "must be a whole number that fits 64 bits")]
    [InlineData("name,price,stock\nA,1,-1\n", 2, "stock", "must be 0 to 1000000000")]
    [InlineData("name,price,stock\nA,1\n", 2, null, "has 2 values, but there are 3 columns")]
    [InlineData("name,price,stock,active\n\"A\nB\",1,1,true\nC,1,1,perhaps\n", 4, "active", "must be true or false")]
    [InlineData("name,price,stock,category\nA,1,1,No such thing at all\n", 2, "category", "is not the name of a category")]
    [InlineData("name,price,stock,category_id\nA,1,1,9223372036854775807\n", 2, "category_id", "is not the id_key of a category")]
    [InlineData("name,price\nA,1\n", 2, "stock", "is required for a new product")]
    [InlineData("name,price,stock\nA\"B,1,1\n", 2, null, "has a quotation mark in a value that does not begin with one")]
    [InlineData("name,price,stock\n\"A\"B,1,1\n", 2, null, "has text behind the quotation mark that ends a value; a mark inside one is written twice")]
    [InlineData("name,price,stock\nA,1,1\n\"B,1,1\nC,1,1\n", 3, null, "has a value whose quotation marks are not closed; the rest of the file was not read")]
    [InlineData("name;price;stock\nA;1;1\n", 1, "name;price;stock", "is not a column of products; values are separated by commas")]
    [InlineData("name,price,colour\nA,1,1\n", 1, "colour", "is not a column of products")]
    [InlineData("name,price,name\nA,1,1\n", 1, "name", "is the name of two columns")]
    [InlineData("price,stock\n1,1\n", 1, "sku", "is missing: nothing says which products these are")]
    [InlineData("", 1, null, "must name the columns")]
    public async Task What_is_wrong_in_csv_is_told_with_its_line_and_its_field(string file, long line, string? field, string message)
    {
        var problem = await shop.Http.ImportAsync(file).ShouldBeAsync(422);

        Assert.Equal([(line, field, message)], LinesOf(problem));
    }

    [Theory]
    [InlineData("{\"name\":\"A\",\"price\":\"1\",\"stock\":1}", "price", "must be a number")]
    [InlineData("{\"name\":\"A\",\"price\":1,\"stock\":1.5}", "stock", "must be a whole number that fits 64 bits")]
    [InlineData("{\"name\":5,\"price\":1,\"stock\":1}", "name", "must be a string of valid Unicode")]
    [InlineData("{\"name\":\"\\ud800\",\"price\":1,\"stock\":1}", "name", "must be a string of valid Unicode")]
    [InlineData("{\"name\":\"a\\u0000\",\"price\":1,\"stock\":1}", "name", "must not contain the NUL character")]
    [InlineData("{\"name\":\"A\",\"price\":null,\"stock\":1}", "price", "is required")]
    [InlineData("{\"name\":\"A\",\"price\":1}", "stock", "is required for a new product")]
    [InlineData("{\"name\":\"A\",\"price\":1,\"stock\":1,\"colour\":{\"a\":[1]}}", "colour", "is not a field of products")]
    [InlineData("{\"name\":\"A\",\"price\":1,\"stock\":1,\"\\u0000\":1}", "\uFFFD", "is not a field of products")]
    [InlineData("{\"name\":\"A\",\"price\":1,\"stock\":1,\"stock\":1}", "stock", "stands twice")]
    [InlineData("[1]", null, "must be a JSON object")]
    [InlineData("{\"name\":\"A\"", null, "is not valid JSON (byte 12)")]
    public async Task What_is_wrong_in_ndjson_is_told_with_its_line_and_its_field(string line, string? field, string message)
    {
        var problem = await shop.Http.ImportAsync($"{{\"name\":\"Right\",\"price\":1,\"stock\":1}}\n{line}", Ndjson).ShouldBeAsync(422);

        Assert.Equal([(2L, field, message)], LinesOf(problem));
    }

    [Fact]
    public async Task A_line_that_is_not_utf_8_and_one_that_is_too_long_are_told()
    {
        using var latin = new ByteArrayContent([.. "name,price,stock\nA,1,1\nCaf"u8, 0xE9, .. ",1,1\nB,1,1\n"u8]);
        latin.Headers.ContentType = new MediaTypeHeaderValue(Csv);

        var notUtf8 = await shop.Http.PostAsync("/products/import", latin, Ct).ShouldBeAsync(422);
        var tooLong = await shop.Http.ImportAsync($"name,price,stock\nA,1,1\n{new string('x', 70_000)},1,1\n").ShouldBeAsync(422);

        Assert.Equal([(3L, null, "is not UTF-8")], LinesOf(notUtf8));
        Assert.Equal([(3L, null, "has more than 65536 bytes; the rest of the file was not read")], LinesOf(tooLong));
    }

    [Fact]
    public async Task A_sku_that_stands_twice_is_told_with_the_line_that_has_it_first()
    {
        var (sku, product) = (Prefix(), await shop.Given.ProductAsync());

        var problem = await shop.Http.ImportAsync(
            $"id_key,sku,name,price,stock\n,{sku},A,1,1\n,,B,1,1\n,{sku},C,1,1\n{product.Id()},,D,1,1\n{product.Id()},,E,1,1\n,{sku},F,1,1\n")
            .ShouldBeAsync(422);

        Assert.Equal(
            [(4L, "sku", "stands in line 2 already"), (6L, "id_key", "stands in line 5 already"), (7L, "sku", "stands in line 2 already")],
            LinesOf(problem));
    }

    [Fact]
    public async Task The_first_hundred_mistakes_are_told_and_the_number_of_all()
    {
        var file = "name,price,stock\n" + string.Concat(Enumerable.Repeat("A,1,1\nB,0,1\n", 300));

        var problem = await shop.Http.ImportAsync(file).ShouldBeAsync(422);

        Assert.Equal(300, (int)problem["invalid_lines"]!);
        Assert.Equal(100, LinesOf(problem).Count);
        Assert.Equal("300 of 600 lines are not valid; nothing was imported.", (string)problem["detail"]!);
    }

    [Fact]
    public async Task Lines_that_are_not_valid_can_be_left_out()
    {
        var prefix = Prefix();
        var import = await shop.Http.ImportedAsync(
            $"sku,name,price,stock\n{prefix}-1,A,1,1\n{prefix}-2,B,0,1\n{prefix}-1,C,1,1\n{prefix}-3,D,1,1\n", query: "?on_error=skip");

        Assert.Equal((2, 2, 4), ((int)import["created"]!, (int)import["invalid_lines"]!, (int)import["lines"]!));
        Assert.Equal([(3L, "price", "must be 0.01 to 9999999999.99"), (4L, "sku", "stands in line 2 already")], LinesOf(import, "errors"));
        Assert.Equal(2, await shop.Database.ValueAsync<long>($"SELECT count(*) FROM products WHERE sku LIKE '{prefix}%'"));
    }

    [Fact]
    public async Task A_dry_run_tells_what_would_be_done_and_changes_nothing()
    {
        var (there, fresh) = (Prefix(), Prefix());
        await shop.Http.PostAsync("/products", new { name = "Old", sku = there, price = 5, stock = 7 }).ShouldBeAsync(201);

        var import = await shop.Http.ImportAsync(
            $"sku,name,price,stock\n{there},A,1,1\n{fresh},B,1,1\n", query: "?dry_run=true").ShouldBeAsync(200);

        Assert.Equal(("checked", 1, 1), ((string)import["status"]!, (int)import["created"]!, (int)import["updated"]!));
        Assert.Equal("Old", (string)(await shop.Http.BySkuAsync(there))!["name"]!);
        Assert.Null(await shop.Http.BySkuAsync(fresh));
    }

    [Fact]
    public async Task Without_a_sku_a_line_is_of_the_product_with_its_id_if_that_has_none_either()
    {
        var (bare, named) = (await shop.Given.ProductAsync(), Prefix());
        var other = await shop.Http.PostAsync("/products", new { name = "Named", sku = named, price = 5, stock = 7 }).ShouldBeAsync(201);
        var file = $"id_key,name,price,stock\n{bare.Id()},Changed,2,2\n{other.Id()},Not this one,2,2\n";

        var problem = await shop.Http.ImportAsync(file).ShouldBeAsync(422);
        var import = await shop.Http.ImportedAsync(file, query: "?on_error=skip");

        Assert.Equal([(3L, "sku", "is missing, and the product with this id_key has one")], LinesOf(problem));
        Assert.Equal(1, (int)import["updated"]!);
        Assert.Equal("Changed", (string)(await shop.Http.GetJsonAsync($"/products/{bare.Id()}"))["name"]!);
        Assert.Equal("Named", (string)(await shop.Http.GetJsonAsync($"/products/{other.Id()}"))["name"]!);
    }

    [Fact]
    public async Task What_was_cached_is_new_when_the_import_is_done()
    {
        var prefix = Prefix();
        var product = await shop.Http.PostAsync("/products", new { name = "Old", sku = prefix, price = 5, stock = 7 }).ShouldBeAsync(201);
        var (one, list) = ($"/products/{product.Id()}", $"/products?search={prefix}");
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal("Old", (string)(await shop.Anonymous.GetJsonAsync(one))["name"]!);
            Assert.Single((await shop.Anonymous.GetJsonAsync(list)).AsArray());
        }

        await shop.Http.ImportedAsync($"sku,name,price,stock\n{prefix},New,6,8\n{prefix}-b,Second,6,8\n");

        Assert.Equal("New", (string)(await shop.Anonymous.GetJsonAsync(one))["name"]!);
        Assert.Equal(2, (await shop.Anonymous.GetJsonAsync(list)).AsArray().Count);
    }

    [Fact]
    public async Task Another_media_type_is_refused_and_so_is_an_unknown_import()
    {
        var problem = await shop.Http.ImportAsync("name,price,stock\nA,1,1\n", "application/json").ShouldBeAsync(415);
        await shop.Http.GetAsync($"/products/imports/{long.MaxValue}", Ct).ShouldBeAsync(404);

        Assert.Contains("text/csv", (string)problem["detail"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_asked_for_is_refused()
    {
        var problem = await shop.Http.ImportAsync("name,price,stock\nA,1,1\n", query: "?on_error=x").ShouldBeAsync(422);
        await shop.Http.ImportAsync("name,price,stock\nA,1,1\n", query: "?dry_run=perhaps").ShouldBeAsync(400);

        Assert.Equal(["on_error"], problem.Errors().Keys);
    }

    [Fact]
    public async Task Of_a_file_whose_sender_leaves_nothing_is_kept()
    {
        var prefix = Prefix();
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var sending = shop.Http.PostAsync("/products/import", new EndlessFile(prefix), leaving.Token);
        await Eventually.HoldsAsync(async () =>
            await shop.Database.ValueAsync<long>($"SELECT count(*) FROM product_import_lines WHERE sku LIKE '{prefix}%'") > 0);

        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending);
        await Eventually.HoldsAsync(async () =>
            await shop.Database.ValueAsync<long>($"SELECT count(*) FROM product_import_lines WHERE sku LIKE '{prefix}%'") == 0);
        Assert.Equal(0, await shop.Database.ValueAsync<long>($"SELECT count(*) FROM products WHERE sku LIKE '{prefix}%'"));
    }

    [Fact]
    public async Task A_large_file_needs_no_memory()
    {
        await using var folder = new ShopFolder();
        var server = shop.Postgres.Server("shop");
        await using var program = TiendaProgram.Start(folder.Path, ["--port", "0"], new()
        {
            ["POSTGRES_HOST"] = server.Host,
            ["POSTGRES_USER"] = server.User,
            ["POSTGRES_DB"] = server.Database,
        });
        using var http = await program.OpenAsync();

        // What any import needs is there.
        using (var some = new ManyLines(5_000, new string('d', 4000)))
        {
            await http.PostAsync("/products/import?dry_run=true", some, Ct).ShouldBeAsync(200);
        }

        await File.WriteAllTextAsync($"/proc/{program.Id}/clear_refs", "5", Ct); // The peak begins anew.
        var before = Peak();
        // Of 240 MB.
        using var file = new ManyLines(60_000, new string('d', 4000));
        var import = await http.PostAsync("/products/import?dry_run=true", file, Ct).ShouldBeAsync(200);

        Assert.Equal(60_000, (int)import["created"]!);
        Assert.InRange(Peak() - before, 0, 80 * 1024);

        long Peak()
        {
            var line = File.ReadLines($"/proc/{program.Id}/status").Single(line => line.StartsWith("VmHWM", StringComparison.Ordinal));
            return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
        }
    }

    private sealed class ManyLines : HttpContent
    {
        private readonly int _lines;
        private readonly string _description;

        public ManyLines(int lines, string description)
        {
            (_lines, _description) = (lines, description);
            Headers.ContentType = new MediaTypeHeaderValue(Csv);
        }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await using var writer = new StreamWriter(stream, new UTF8Encoding(false), 64 * 1024, leaveOpen: true);
            await writer.WriteAsync("sku,name,price,stock,description\n");
            for (var i = 0; i < _lines; i++)
            {
                await writer.WriteAsync(string.Create(CultureInfo.InvariantCulture, $"M-{i},Lamp {i},12.50,{i},{_description}\n"));
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }

    private sealed class EndlessFile : HttpContent
    {
        private readonly string _prefix;

        public EndlessFile(string prefix)
        {
            _prefix = prefix;
            Headers.ContentType = new MediaTypeHeaderValue(Csv);
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            await stream.WriteAsync("sku,name,price,stock\n"u8.ToArray(), cancellationToken);
            for (var i = 0; i < 6000; i++)
            {
                await stream.WriteAsync(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{_prefix}-{i},A,1,1\n")), cancellationToken);
            }

            await stream.FlushAsync(cancellationToken);
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
