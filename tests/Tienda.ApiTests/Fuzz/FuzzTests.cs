using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Tienda.Hosting;
using Tienda.Security;

namespace Tienda.ApiTests.Fuzz;

/// <summary>
/// Drives every operation of the document with generated requests, several at once, and then checks the books. The seed is fixed;
/// FUZZ_SEED chooses another, FUZZ_SECONDS runs as long as it says.
/// </summary>
public sealed class FuzzTests(ShopApp shop)
{
    private const int Lanes = 8;
    private const int UsualRequests = 16_000;
    private const int MostRounds = 20;
    private const int RequestsOfRound = 50;
    private const int InitialStock = 2_000;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Whatever_is_sent_the_shop_answers_and_its_books_are_right()
    {
        var seconds = Setting("FUZZ_SECONDS");
        var seed = Setting("FUZZ_SEED") ?? 20261124;
        var server = await shop.Postgres.CreateDatabaseAsync($"fuzz_{Guid.NewGuid():N}");
        await using var database = Tienda.Data.Database.CreateUnhurried(new Settings { Postgres = server });
        var (app, admin) = await ShopApp.OpenShopAsync(server);
        await using var running = app;
        using var http = admin;
        var given = new Given(http);
        var clients = await Task.WhenAll(given.ClientAsync(), given.ClientAsync());
        var products = new List<long>();
        for (var i = 0; i < 5; i++)
        {
            products.Add((await given.ProductAsync(stock: InitialStock)).Id());
        }

        var document = await http.GetJsonAsync("/openapi.json");
        var pool = new FuzzPool(products);
        var seen = new ConcurrentDictionary<(string Operation, int Status), int>();
        var callers = Callers(app.Services.GetRequiredService<AccessTokens>(), http, clients);
        foreach (var client in clients)
        {
            await given.AddressAsync(client.Id());
            pool.Add("clients", client.Id());
        }

        using var stop = seconds is { } limit ? new CancellationTokenSource(TimeSpan.FromSeconds(limit)) : new CancellationTokenSource();
        var requests = seconds is null ? UsualRequests / Lanes : int.MaxValue;
        var operations = OperationsOf(document);
        await RunAsync(operations, requests, round: 0);
        // Chance passes over an operation now and then, or leaves no record for it. Such a one is asked for until it has had its turn, and
        // so are records of its kind.
        for (var round = 1; round <= MostRounds && Untried(operations, seen) is { Count: > 0 } untried; round++)
        {
            await RunAsync([.. untried, .. MakersOf(untried, operations)], RequestsOfRound, round);
        }

        ShowAndCheckShare(operations, seen);
        await Books.CheckAsync(database, products.ToDictionary(id => id, _ => (long)InitialStock));
        await ShouldBeAtRestAsync(http);
        foreach (var caller in callers)
        {
            caller.Http.Dispose();
        }

        async Task<string> TellAsync() => string.Create(
            CultureInfo.InvariantCulture,
            $"{seen.Values.Sum()} answered; {ThreadPool.ThreadCount} threads, {ThreadPool.PendingWorkItemCount} wait; ")
            + await database.ValueAsync<string>(
                """
                SELECT coalesce(string_agg(concat_ws(' ', state, wait_event_type, wait_event, now() - query_start, left(query, 200)), E'\n'), '')
                FROM pg_stat_activity WHERE backend_type = 'client backend'
                """);

        Task RunAsync(IReadOnlyList<FuzzOperation> chosen, int requests, int round) => Task.WhenAll(Enumerable.Range(0, Lanes).Select(lane =>
            new FuzzLane((ulong)(seed + lane + (round * Lanes)), chosen, callers, new FuzzValues(document, pool), pool, seen, TellAsync)
                .RunAsync(requests, stop.Token)));
    }

    // A report may be a second old, and then of a moment when the last requests still ran.
    private static async Task ShouldBeAtRestAsync(HttpClient http)
    {
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(100, Ct))
        {
            var health = await http.GetJsonAsync("/health_check");
            if ((string)health["status"]! == "healthy" && (int)health["checks"]!["db_pool"]!["checked_out"]! == 0)
            {
                return;
            }

            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(10), health.ToJsonString());
        }
    }

    // What is bought is asked for more often than the rest.
    private static List<FuzzOperation> OperationsOf(JsonNode document) => [.. document["paths"]!.AsObject()
        .SelectMany(path => path.Value!.AsObject().Select(o =>
            new FuzzOperation((string)o.Value!["operationId"]!, o.Key.ToUpperInvariant(), path.Key, o.Value)))
        .SelectMany(operation => Enumerable.Repeat(operation, operation.Id is "PlaceOrder" or "CreateOrderDetail" or "CreateBill" ? 4 : 1))];

    // Administrators twice: without their products and categories there is little to do.
    private static List<FuzzCaller> Callers(AccessTokens tokens, HttpClient admin, IEnumerable<JsonNode> clients)
    {
        var patience = TimeSpan.FromSeconds(10);
        var administrator = new FuzzCaller(
            "administrator", null, ShopApp.AsAdministrator(new HttpClient { BaseAddress = admin.BaseAddress, Timeout = patience }));
        return
        [
            administrator, administrator, administrator,
            new FuzzCaller("stranger", null, new HttpClient { BaseAddress = admin.BaseAddress, Timeout = patience }),
            .. clients.Select(client => new FuzzCaller($"client {client.Id()}", client.Id(), new HttpClient
            {
                BaseAddress = admin.BaseAddress,
                Timeout = patience,
                DefaultRequestHeaders = { Authorization = new("Bearer", tokens.Issue(client.Id(), administrator: false)) },
            })),
        ];
    }

    private static void ShowAndCheckShare(List<FuzzOperation> operations, ConcurrentDictionary<(string Operation, int Status), int> seen)
    {
        var byStatus = seen.GroupBy(s => s.Key.Status, s => s.Value).OrderBy(g => g.Key).Select(g => $"{g.Key}: {g.Sum()}");
        TestContext.Current.TestOutputHelper!.WriteLine(string.Join(", ", byStatus));
        Assert.InRange(seen.Where(s => s.Key.Status == 503).Sum(s => s.Value), 0, seen.Sum(s => s.Value) / 50);
        Assert.Empty(Untried(operations, seen).Select(operation => operation.Id));
    }

    // Those that were never done, or never refused although they have a body: a fuzzer whose requests are all refused finds nothing.
    private static List<FuzzOperation> Untried(
        List<FuzzOperation> operations, ConcurrentDictionary<(string Operation, int Status), int> seen)
    {
        string[] needLuck = ["SignIn", "RefreshSession", "GetOwnClient", "ListProblemTypes"];
        return [.. operations.Where(o => !needLuck.Contains(o.Id) && !Has(o, status => status is >= 200 and < 300)
            || o.Description["requestBody"] is not null && !Has(o, status => status is 400 or 422))];

        bool Has(FuzzOperation operation, Func<int, bool> status) => seen.Keys.Any(s => s.Operation == operation.Id && status(s.Status));
    }

    private static IEnumerable<FuzzOperation> MakersOf(List<FuzzOperation> untried, List<FuzzOperation> operations) => operations.Where(o =>
        o.Description["responses"]!["201"] is not null && untried.Any(other => other.Resource == o.Resource) && !untried.Contains(o));

    private static int? Setting(string name) =>
        Environment.GetEnvironmentVariables()[name] is string text ? int.Parse(text, CultureInfo.InvariantCulture) : null;
}
