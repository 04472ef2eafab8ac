using System.Collections.Concurrent;
using System.Globalization;
using FsCheck;
using FsCheck.Fluent;

namespace Tienda.ApiTests.Orders.Proof;

/// <summary>
/// The promises of docs/concurrency.md and docs/idempotency.md, on one worker and on four. PROOF_FACTOR makes each of them so many times
/// longer.
/// </summary>
public sealed class OrderProofTests(ShopApp shop)
{
    private static readonly int Factor =
        Environment.GetEnvironmentVariables()["PROOF_FACTOR"] is string factor ? int.Parse(factor, CultureInfo.InvariantCulture) : 1;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(4, Traits = [LongAttribute.Name, LongAttribute.Value])]
    public async Task Whatever_is_done_to_orders_in_whatever_sequence_the_shop_agrees_with_the_model(int count)
    {
        const int Stock = 12;
        await using var workers = await StartAsync(shop.Postgres, count);
        var received = new ConcurrentDictionary<long, long>();
        var steps = Gen.Frequency(
            (5, Gen.Constant(Act.Place)), (2, Gen.Constant(Act.Retry)), (3, Gen.Constant(Act.Cancel)), (2, Gen.Constant(Act.Advance)),
            (3, Gen.Constant(Act.AddLine)), (3, Gen.Constant(Act.ChangeLine)), (2, Gen.Constant(Act.RemoveLine)),
            (1, Gen.Constant(Act.Delete)), (2, Gen.Constant(Act.Bill)), (1, Gen.Constant(Act.Void)), (1, Gen.Constant(Act.Restock)))
            .SelectMany(act => Gen.Choose(0, 999).Three().Select(n => new OrderStep(act, n.Item1, n.Item2, n.Item3)));
        var sequences = Arb.From(
            Gen.Choose(5, 40).SelectMany(length => steps.ArrayOf(length)),
            sequence => Enumerable.Range(0, sequence.Length).Select(left => (OrderStep[])[.. sequence[..left], .. sequence[(left + 1)..]]));
        var property = Prop.ForAll(sequences, async sequence =>
        {
            var given = workers.Given;
            var buyer = (await given.ClientAsync()).Id();
            long[] products = [(await given.ProductAsync(Stock)).Id(), (await given.ProductAsync(Stock)).Id(), (await given.ProductAsync(Stock)).Id()];
            var model = new OrderModel(() => workers.Http, buyer, products, Stock);
            await model.RunAsync(sequence);
            foreach (var (id, units) in model.Received)
            {
                received[id] = units;
            }
        });

        // Blocks a thread while requests are awaited, which FsCheck itself does not.
        await Task.Run(() => Check.One(Config.QuickThrowOnFailure.WithMaxTest(12 * Factor), property), Ct);

        await Books.CheckAsync(workers.Database, received);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task Two_hundred_buyers_of_fifty_items_get_fifty_orders(int count)
    {
        await using var workers = await StartAsync(shop.Postgres, count);
        var (product, buyer) = (await workers.Given.ProductAsync(stock: 50), await workers.Given.ClientAsync());

        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => workers.Http.PlaceAsync(buyer, product, $"buyer {i}")));

        Assert.Equal(50, answers.Count(a => (int)a.StatusCode == 201));
        Assert.Equal(150, answers.Count(a => (int)a.StatusCode == 409));
        Assert.Equal(0, (int)(await workers.Http.GetJsonAsync($"/products/{product.Id()}"))["stock"]!);
        await Books.CheckAsync(workers.Database, new Dictionary<long, long> { [product.Id()] = 50 });
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4, Traits = [LongAttribute.Name, LongAttribute.Value])]
    public async Task Sixty_four_buyers_of_three_hot_products_in_clashing_order_all_get_an_answer(int count)
    {
        const int Stock = 600;
        await using var workers = await StartAsync(shop.Postgres, count);
        var products = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => workers.Given.ProductAsync(stock: Stock)));
        long[][] sequences = [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1], [2, 0, 1], [1, 0, 2]];
        var statuses = new ConcurrentDictionary<int, int>();

        await Task.WhenAll(Enumerable.Range(0, 64).Select(async i =>
        {
            var buyer = await workers.Given.ClientAsync();
            for (var round = 0; round < 8 * Factor; round++)
            {
                var lines = sequences[(i + round) % sequences.Length].Select(p => (products[p].Id(), 1 + (round % 2))).ToArray();
                using var answer = await workers.Http.PostAsync("/orders", OrderSteps.OrderOf(buyer.Id(), lines));
                statuses.AddOrUpdate((int)answer.StatusCode, 1, (_, n) => n + 1);
                if ((int)answer.StatusCode == 201 && i % 4 == 0)
                {
                    // Others change lines and cancel meanwhile, which locks the same products from another side.
                    var order = await answer.JsonAsync();
                    using var changed = await workers.Http.PatchAsync($"/order_details/{order["items"]![2]!.Id()}", new { quantity = 1 });
                    using var canceled = await workers.Http.PatchAsync($"/orders/{order.Id()}", new { status = 4 });
                    Assert.Equal((200, 200), ((int)changed.StatusCode, (int)canceled.StatusCode));
                }
            }
        }));

        Assert.Empty(statuses.Keys.Except([201, 409]));
        Assert.Equal(0, await workers.Database.ValueAsync<long>("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"));
        await Books.CheckAsync(workers.Database, products.ToDictionary(p => p.Id(), _ => (long)Stock));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4, Traits = [LongAttribute.Name, LongAttribute.Value])]
    public async Task Crashes_of_workers_and_of_PostgreSQL_lose_and_double_no_order(int count)
    {
        const int Buyers = 16;
        const int Stock = 1_000_000;
        await using var postgres = await TestPostgres.StartAsync();
        await using var workers = await StartAsync(postgres, count);
        var products = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => workers.Given.ProductAsync(stock: Stock)));
        var buyers = await Task.WhenAll(Enumerable.Range(0, Buyers).Select(_ => workers.Given.ClientAsync()));
        var (answered, repeated) = (new ConcurrentDictionary<string, string>(), 0);
        using var enough = new CancellationTokenSource();

        var buying = Enumerable.Range(0, Buyers).Select(i => Task.Run(async () =>
        {
            for (var number = 0; !enough.IsCancellationRequested; number++)
            {
                var key = $"buyer {i} order {number}";
                var body = new
                {
                    client_id = buyers[i].Id(),
                    delivery_method = 1,
                    payment_type = number % 2 == 0 ? 1 : (int?)null,
                    items = products.Take(1 + (number % 3)).Select(p => new { product_id = p.Id(), quantity = 1 + (i % 2) }),
                };
                answered[key] = await InsistAsync(workers, body, key, () => Interlocked.Increment(ref repeated));
            }
        })).ToList();
        for (var round = 0; round < 6 * Factor; round++)
        {
            await Task.Delay(300, Ct);
            if (round % 2 == 0)
            {
                await workers.CrashAsync(round / 2 % count);
            }
            else
            {
                await postgres.CrashAsync();
            }
        }

        await Task.Delay(300, Ct);
        await enough.CancelAsync();
        await Task.WhenAll(buying);

        await workers.RecoveredAsync();
        TestContext.Current.TestOutputHelper!.WriteLine($"{answered.Count} orders, {repeated} repetitions");
        Assert.InRange(repeated, 1, int.MaxValue);
        Assert.Equal(answered.Count, answered.Values.Distinct().Count());
        var orders = (await workers.Http.EveryPageAsync("/orders?limit=1000")).ToDictionary(o => $"{o.Id()}");
        Assert.Empty(answered.Values.Except(orders.Keys));
        // Every order was insisted on until it was answered, so there is none beside those.
        Assert.Equal(answered.Count, orders.Count);
        await Books.CheckAsync(workers.Database, products.ToDictionary(p => p.Id(), _ => (long)Stock));
    }

    /// <summary>Repeats an order under its key until it is answered, as a good client does, and answers its id.</summary>
    private static async Task<string> InsistAsync(ShopWorkers workers, object body, string key, Action repeats)
    {
        while (true)
        {
            try
            {
                using var response = await workers.Http.PostKeyedAsync("/orders", body, key);
                if ((int)response.StatusCode == 201)
                {
                    return $"{(await response.JsonAsync()).Id()}";
                }

                Assert.True((int)response.StatusCode == 503, await response.Content.ReadAsStringAsync(Ct));
            }
            catch (Exception broken) when (broken is HttpRequestException or IOException)
            {
                // The worker was killed; another one, or its successor, will know.
            }

            repeats();
            await Task.Delay(20, Ct);
        }
    }

    private static async Task<ShopWorkers> StartAsync(TestPostgres postgres, int count) =>
        await ShopWorkers.StartAsync(await postgres.CreateDatabaseAsync($"proof_{Guid.NewGuid():N}"), count);
}
