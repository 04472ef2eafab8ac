using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Tienda.Data;
using Tienda.Hosting;
using Tienda.Products;

namespace Tienda.ApiTests.Products;

/// <summary>Imports that do not go on: how they are held up, given up, ended and forgotten.</summary>
public sealed class ProductImportEndTests(ShopApp shop)
{
    private const string LinesKept = "SELECT count(*) FROM product_import_lines";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task One_that_is_ended_leaves_what_it_has_done_and_the_next_one_goes_on()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var (product, category) = (
            await own.Http.PostAsync("/products", new { name = "Held", sku = "E-1500", price = 5, stock = 7 }).ShouldBeAsync(201),
            await own.Given.CategoryAsync());
        await using var held = await own.HoldAsync(product.Id());
        var stuck = await own.Http.ImportAsync("sku,name,price,stock,category_id\n" + string.Concat(Enumerable.Range(1, 2000).Select(i =>
            string.Create(CultureInfo.InvariantCulture, $"E-{i},Lamp,1.50,5,{category.Id()}\n")))).ShouldBeAsync(202);
        var next = await own.Http.ImportAsync("sku,name,price,stock\nnext,Next,1,1\n").ShouldBeAsync(202);
        var path = $"/products/imports/{stuck.Id()}";
        await Eventually.HoldsAsync(async () => (int)(await own.Http.GetJsonAsync(path))["created"]! == 1000);

        var ended = await own.Http.DeleteAsync(path, Ct).ShouldBeAsync(200);

        Assert.Equal(("abandoned", 1000), ((string)ended["status"]!, (int)ended["created"]!));
        Assert.NotNull(ended["finished_at"]);
        Assert.Equal("completed", (string)(await own.Http.FinishedAsync(next))["status"]!);
        // The first thousand, the one that is held, and the next import's.
        Assert.Equal(1002, await own.Database.ValueAsync<long>("SELECT count(*) FROM products"));
        await Eventually.HoldsAsync(async () => await own.Database.ValueAsync<long>(LinesKept) == 0);
        Assert.Equal(0, await own.Database.ValueAsync<long>("SELECT count(*) FROM product_import_categories"));
        // One that has ended stays as it is.
        Assert.Equal(ended.ToJsonString(), (await own.Http.DeleteAsync(path, Ct).ShouldBeAsync(200)).ToJsonString());
        var finished = await own.Http.DeleteAsync($"/products/imports/{next.Id()}", Ct).ShouldBeAsync(200);
        Assert.Equal("completed", (string)finished["status"]!);
    }

    [Theory]
    [InlineData("sku-last,Lamp,1,1,\n")]
    [InlineData("")]
    public async Task Of_one_that_is_given_up_while_its_file_comes_nothing_is_kept(string rest)
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var category = await own.Given.CategoryAsync();
        using var file = new PausedFile("sku,name,price,stock,category_id\n" + string.Concat(Enumerable.Range(1, 2000).Select(i =>
            string.Create(CultureInfo.InvariantCulture, $"sku-{i},Lamp,1,1,{category.Id()}\n"))), rest);
        var sending = own.Http.PostAsync("/products/import", file, Ct);
        await Eventually.HoldsAsync(async () => await own.Database.ValueAsync<long>(LinesKept) == 2000);

        // As if nothing had been heard of it; another import has what is over forgotten.
        await own.Database.ExecuteAsync("UPDATE product_imports SET received_at = now() - interval '25 hours'");
        await own.Http.ImportedAsync("name,price,stock\nLamp,1,1\n");
        await Eventually.HoldsAsync(async () => await own.Database.ValueAsync<long>(LinesKept) == 0);
        file.GoOn();
        var problem = await sending.ShouldBeAsync(503);

        Assert.Contains("given up", (string)problem["detail"]!, StringComparison.Ordinal);
        Assert.Equal(0, await own.Database.ValueAsync<long>(LinesKept));
        Assert.Equal("abandoned,completed", await own.Database.ValueAsync<string>(
            "SELECT string_agg(status, ',' ORDER BY id_key) FROM product_imports"));
        await own.Http.DeleteAsync($"/categories/{category.Id()}", Ct).ShouldBeAsync(204);
    }

    [Fact]
    public async Task The_sender_of_one_that_is_ended_is_told_before_the_end_of_the_file()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        static string Lines(int from) => string.Concat(Enumerable.Range(from, 2000).Select(i =>
            string.Create(CultureInfo.InvariantCulture, $"sku-{i},Lamp,1,1\n")));
        // HTTP libraries hand an answer on only when all of their request is sent.
        using var connection = new TcpClient();
        await connection.ConnectAsync(own.Http.BaseAddress!.Host, own.Http.BaseAddress.Port, Ct);
        var stream = connection.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"POST /products/import HTTP/1.1\r\nHost: {own.Http.BaseAddress.Authority}\r\nX-API-Key: {ShopApp.AdminApiKey}\r\n"
            + $"Content-Type: {ImportSteps.Csv}\r\nContent-Length: 10000000\r\n\r\nsku,name,price,stock\n{Lines(1)}"), Ct);
        await Eventually.HoldsAsync(async () => await own.Database.ValueAsync<long>(LinesKept) == 2000);

        var import = await own.Database.ValueAsync<long>("SELECT id_key FROM product_imports");
        await own.Http.DeleteAsync($"/products/imports/{import}", Ct).ShouldBeAsync(200);
        await stream.WriteAsync(Encoding.ASCII.GetBytes(Lines(2001)), Ct);
        using var reader = new StreamReader(stream);
        var status = await reader.ReadLineAsync(Ct).AsTask().WaitAsync(TimeSpan.FromSeconds(30), Ct);

        Assert.StartsWith("HTTP/1.1 503 ", status, StringComparison.Ordinal);
        await Eventually.HoldsAsync(async () => await own.Database.ValueAsync<long>(LinesKept) == 0);
    }

    [Fact]
    public async Task What_is_over_is_forgotten()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        await own.Database.ExecuteAsync(
            """
            INSERT INTO product_imports (id_key, status, received_at, finished_at, caller, skips_invalid, dry_run) OVERRIDING SYSTEM VALUE
            SELECT 1000 + n, status, now() - received, now() - finished, 'api-key', false, false
            FROM (VALUES
                (1, 'completed', interval '31 days', interval '31 days'),
                (2, 'completed', interval '29 days', interval '29 days'),
                (3, 'receiving', interval '25 hours', NULL),
                (4, 'receiving', interval '23 hours', NULL),
                (5, 'abandoned', interval '1 hour', interval '1 hour')) AS v (n, status, received, finished)
            """,
            // More than one statement forgets.
            """
            INSERT INTO product_import_lines (import_id, line, has_description, has_category)
            SELECT 1000 + n, line, false, false FROM (VALUES (3, 3), (4, 4), (5, 25000)) AS v (n, lines), generate_series(1, lines) AS line
            """);

        await own.Http.ImportedAsync("name,price,stock\nLamp,1,1\n");

        await Eventually.HoldsAsync(async () => await own.Database.ValueAsync<string>(
            "SELECT string_agg(id_key || ' ' || status, ', ' ORDER BY id_key) FROM product_imports WHERE id_key > 1000")
            == "1002 completed, 1003 abandoned, 1004 receiving, 1005 abandoned");
        await Eventually.HoldsAsync(async () => await own.Database.ValueAsync<string>(
            "SELECT string_agg(import_id || ': ' || lines, ', ') FROM (SELECT import_id, count(*) AS lines FROM product_import_lines GROUP BY 1) AS l")
            == "1004: 4");
    }

    [Fact]
    public async Task A_portion_that_takes_longer_than_a_statement_may_is_applied_in_smaller_ones()
    {
        await using var database = await WaitingImportAsync(lines: 1100);
        await database.ExecuteAsync(
            """
            CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                PERFORM pg_sleep(60) FROM added HAVING count(*) > 600;
                RETURN NULL;
            END $$
            """,
            "CREATE TRIGGER take_time AFTER INSERT ON products REFERENCING NEW TABLE AS added EXECUTE FUNCTION take_time()");

        await new ProductFiles(new ProductImportStore(database, null), TimeProvider.System)
            .ApplyAsync(null, _ => { }, Ct).WaitAsync(TimeSpan.FromSeconds(50), Ct);

        Assert.Equal("completed 1100", await database.ValueAsync<string>("SELECT status || ' ' || created FROM product_imports"));
    }

    [Fact]
    public async Task Portions_are_halved_when_they_take_long_and_grow_again()
    {
        await using var database = await WaitingImportAsync(lines: 2300);
        var (portions, applied) = (new List<long>(), 1L);

        await new ProductFiles(new ProductImportStore(database, null), new TimedCalls(1.2, 1.2, 0.7, 0.2, 0.2)).ApplyAsync(
            async _ =>
            {
                var now = await database.ValueAsync<long>("SELECT applied_to FROM product_imports");
                portions.Add(now - applied);
                applied = now;
            },
            _ => { }, Ct);

        // And the one that notes the end.
        Assert.Equal([1000, 500, 250, 250, 282, 18, 0], portions);
    }

    [Fact]
    public async Task Whatever_goes_wrong_another_attempt_follows()
    {
        var gone = NpgsqlDataSource.Create("Host=/nowhere");
        await gone.DisposeAsync();
        using var lifetime = new Started();
        var log = new CountedFaults();
        using var imports = new ProductImports(
            new ProductFiles(new ProductImportStore(gone, null), TimeProvider.System), new ImportUpkeepStore(gone), lifetime, log);
        await imports.StartAsync(Ct);

        imports.Begin();
        await Eventually.HoldsAsync(() => Task.FromResult(log.Count == 2));
        imports.Begin();
        await Eventually.HoldsAsync(() => Task.FromResult(log.Count == 4));

        await imports.StopAsync(Ct);
        Assert.True(imports.ExecuteTask!.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Who_is_held_up_for_long_is_told_why_and_goes_on_afterwards()
    {
        await using var database = await WaitingImportAsync(lines: 2);
        await database.ExecuteAsync(
            "ALTER FUNCTION apply_import_lines(integer) SET lock_timeout = '1ms'",
            "INSERT INTO products (sku, name, price, stock) VALUES ('L-1', 'Held', 100, 1)");
        await using var connection = await database.OpenConnectionAsync(Ct);
        await using var transaction = await connection.BeginTransactionAsync(Ct);
        await using var hold = new NpgsqlCommand("SELECT FROM products FOR UPDATE", connection);
        await hold.ExecuteNonQueryAsync(Ct);
        var told = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);

        var applying = new ProductFiles(new ProductImportStore(database, null), new ShortPauses())
            .ApplyAsync(null, why => told.TrySetResult(why), Ct);

        Assert.Contains("55P03", await told.Task.WaitAsync(TimeSpan.FromSeconds(30), Ct), StringComparison.Ordinal);
        await transaction.RollbackAsync(Ct);
        await applying;
        Assert.Equal("completed 1 1", await database.ValueAsync<string>(
            "SELECT concat_ws(' ', status, created, updated) FROM product_imports"));
    }

    // In a database without a shop, which would apply it itself.
    private async Task<NpgsqlDataSource> WaitingImportAsync(int lines)
    {
        var server = await shop.Postgres.CreateDatabaseAsync($"own_{Guid.NewGuid():N}");
        var database = Tienda.Data.Database.CreateUnhurried(new Settings { Postgres = server });
        await new Migrator(database, Migration.All).MigrateAsync(Ct);
        await database.ExecuteAsync(
            $"INSERT INTO product_imports (status, caller, skips_invalid, dry_run, lines) VALUES ('applying', 'api-key', false, false, {lines})",
            $"""
            INSERT INTO product_import_lines (import_id, line, has_description, has_category, price, stock, sku, name)
            SELECT id_key, n + 1, false, false, 150, 1, 'L-' || n, 'Lamp' FROM product_imports, generate_series(1, {lines}) AS n
            """);
        return database;
    }

    /// <summary>A clock by which each call takes as long as is said, the others as long as the last one.</summary>
    private sealed class TimedCalls(params double[] seconds) : TimeProvider
    {
        private int _asked;
        private long _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp()
        {
            if (_asked++ % 2 == 1)
            {
                _now += (long)(TimestampFrequency * seconds[Math.Min(_asked / 2, seconds.Length) - 1]);
            }

            return _now;
        }
    }

    private sealed class Started : IHostApplicationLifetime, IDisposable
    {
        private readonly CancellationTokenSource _stopping = new();

        public CancellationToken ApplicationStarted => new(true);

        public CancellationToken ApplicationStopping => _stopping.Token;

        public CancellationToken ApplicationStopped => _stopping.Token;

        public void StopApplication() => _stopping.Cancel();

        public void Dispose() => _stopping.Dispose();
    }

    private sealed class CountedFaults : ILogger<ProductImports>
    {
        private int _count;

        public int Count => Volatile.Read(ref _count);

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Interlocked.Increment(ref _count);
    }

    private sealed class ShortPauses : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, TimeSpan.FromMilliseconds(1), period);
    }
}
