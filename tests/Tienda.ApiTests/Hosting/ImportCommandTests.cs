using Npgsql;
using Tienda.ApiTests.Inspection;

namespace Tienda.ApiTests.Hosting;

/// <summary>Files of products without the web server in between.</summary>
public sealed class ImportCommandTests(OperatedDatabase operated) : IClassFixture<OperatedDatabase>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_file_is_imported_and_exported_again()
    {
        await WriteAsync("made.csv", "sku,name,price,stock\nCLI-1,\"Lamp, red\",12.50,3\nCLI-2,Other,1,1\n");

        var (code, output) = await operated.RunAsync("import", "made.csv");
        var exported = await operated.RunAsync("export", "products", "all.ndjson");
        var back = await operated.RunAsync("import", "all.ndjson");

        Assert.True(code == 0, output);
        Assert.Contains("completed, 2 lines, 0 invalid, 2 created, 0 updated, 0 unchanged", output, StringComparison.Ordinal);
        Assert.True(exported.Code == 0, exported.Output);
        Assert.Contains("\"name\":\"Lamp, red\"", await File.ReadAllTextAsync(PathOf("all.ndjson"), Ct), StringComparison.Ordinal);
        Assert.False(File.Exists(PathOf("all.ndjson.part")));
        Assert.Contains("0 created, 0 updated", back.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_wrong_is_told_line_by_line_and_nothing_is_imported()
    {
        await WriteAsync("wrong.csv", "sku,name,price,stock\nCLI-3,A,1,1\nCLI-4,B,0,1\n");

        var (code, output) = await operated.RunAsync("import", "wrong.csv");
        var (skipped, told) = await operated.RunAsync("import", "wrong.csv", "--skip-invalid", "--dry-run");

        Assert.Equal(1, code);
        Assert.Contains("line 3: price must be 0.01 to 9999999999.99", output, StringComparison.Ordinal);
        Assert.Equal(0, skipped);
        Assert.Contains("checked, 2 lines, 1 invalid, 1 created", told, StringComparison.Ordinal);
        Assert.Equal(0, await operated.Database.ValueAsync<long>("SELECT count(*) FROM products WHERE sku IN ('CLI-3', 'CLI-4')"));
    }

    [Fact]
    public async Task What_was_interrupted_is_finished_when_asked()
    {
        await AddWaitingAsync("LEFT");

        var (code, output) = await operated.RunAsync("import", "--resume");

        Assert.True(code == 0, output);
        Assert.Contains("completed", output, StringComparison.Ordinal);
        Assert.Equal(2, await operated.Database.ValueAsync<long>("SELECT count(*) FROM products WHERE sku LIKE 'LEFT-%'"));
    }

    [Fact]
    public async Task What_others_have_sent_later_is_left_to_the_shop()
    {
        await WriteAsync("refused.csv", "sku,name,price,stock\nMINE-1,A,0,1\n");
        await WriteAsync("mine.csv", "sku,name,price,stock\nMINE-1,A,1,1\n");
        // Behind all that have a turn.
        await AddWaitingAsync("LATER");

        var refused = await operated.RunAsync("import", "refused.csv");
        var tried = await operated.RunAsync("import", "mine.csv", "--dry-run");
        var mine = await operated.RunAsync("import", "mine.csv");

        Assert.Equal((1, 0, 0), (refused.Code, tried.Code, mine.Code));
        Assert.Contains("completed, 1 lines, 0 invalid, 1 created", mine.Output, StringComparison.Ordinal);
        const string Others = "SELECT count(*) FROM products WHERE sku LIKE 'LATER-%'";
        Assert.Equal(0, await operated.Database.ValueAsync<long>(Others));

        await operated.RunAsync("import", "--resume");
        Assert.Equal(2, await operated.Database.ValueAsync<long>(Others));
    }

    [Fact]
    public async Task What_was_found_right_before_goes_first()
    {
        await WriteAsync("second.csv", "sku,name\nFIRST-2,Second\n");
        await operated.ExecuteAsync("INSERT INTO products (sku, name, price, stock) VALUES ('FIRST-2', 'There', 100, 1)");
        await AddWaitingAsync("FIRST", turn: "nextval('product_imports_turn')");

        var (code, output) = await operated.RunAsync("import", "second.csv");

        Assert.True(code == 0, output);
        Assert.Equal("Second, Left", await operated.Database.ValueAsync<string>(
            "SELECT string_agg(name, ', ' ORDER BY sku) FROM products WHERE sku LIKE 'FIRST-%'"));
    }

    [Fact]
    public async Task An_import_gives_other_products_back_while_it_waits_for_one_that_somebody_holds()
    {
        await operated.ExecuteAsync("INSERT INTO products (sku, name, price, stock) SELECT 'HELD-' || n, 'Held', 100, 1 FROM generate_series(1, 2) AS n");
        await WriteAsync("held.csv", "sku,price\nHELD-1,2\nHELD-2,2\n");
        await using var connection = await operated.ConnectAsync("holder");
        await using var transaction = await connection.BeginTransactionAsync(Ct);
        await using var hold = new NpgsqlCommand("SELECT FROM products WHERE sku = 'HELD-2' FOR UPDATE", connection);
        await hold.ExecuteNonQueryAsync(Ct);
        const string Free = "SELECT count(*) FROM (SELECT FROM products WHERE sku = 'HELD-1' FOR UPDATE SKIP LOCKED) AS free";

        var importing = operated.RunAsync("import", "held.csv");

        await Eventually.HoldsAsync(async () => await operated.Database.ValueAsync<long>(Free) == 0);
        await Eventually.HoldsAsync(async () => await operated.Database.ValueAsync<long>(Free) == 1);
        await transaction.RollbackAsync(Ct);
        var (code, output) = await importing;
        Assert.True(code == 0, output);
        Assert.Contains("completed, 2 lines, 0 invalid, 0 created, 2 updated", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_command_that_lacks_something_says_what()
    {
        var nothing = await operated.RunAsync("import");
        var missing = await operated.RunAsync("import", "nowhere.csv");
        var nowhere = await operated.RunAsync("export", "orders", "no/such/folder.csv");

        Assert.Equal((1, 1, 1), (nothing.Code, missing.Code, nowhere.Code));
        Assert.Contains("Which file?", nothing.Output, StringComparison.Ordinal);
        Assert.Contains("nowhere.csv cannot be read", missing.Output, StringComparison.Ordinal);
        Assert.Contains("folder.csv cannot be written", nowhere.Output, StringComparison.Ordinal);
    }

    // Two new products.
    private Task AddWaitingAsync(string prefix, string turn = "NULL") => operated.ExecuteAsync(
        $"""
        WITH import AS (
            INSERT INTO product_imports (status, turn, caller, skips_invalid, dry_run, lines)
            VALUES ('applying', {turn}, 'api-key', false, false, 2) RETURNING id_key)
        INSERT INTO product_import_lines (import_id, line, has_description, has_category, price, stock, sku, name)
        SELECT id_key, n, false, false, 150, 1, '{prefix}-' || n, 'Left' FROM import, generate_series(2, 3) AS n
        """);

    private string PathOf(string name) => Path.Combine(operated.Folder, name);

    private Task WriteAsync(string name, string text) => File.WriteAllTextAsync(PathOf(name), text, Ct);
}
