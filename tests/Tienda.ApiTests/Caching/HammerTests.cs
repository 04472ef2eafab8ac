using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Tienda.ApiTests.Fuzz;

namespace Tienda.ApiTests.Caching;

/// <summary>
/// Four workers, readers and writers on all of them, for a minute, in the midst of which Redis is killed. Each reader checks what it reads against
/// what writers had been told before it asked: the worker that told them shows it, the others within two seconds. Half of the products are
/// sold, which cached answers follow, the others are changed, after which they are read anew. Lags are between workers.
/// <c>HAMMER_SECONDS</c> makes it longer; the file that <c>TEST_REPORT</c> names is told the lags.
/// </summary>
[Long]
[CollectionDefinition(nameof(HammerTests), DisableParallelization = true)]
[Collection(nameof(HammerTests))]
public sealed class HammerTests(ShopApp shop)
{
    private const int Workers = 4;
    private const int Products = 12;

    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(2);

    private static TimeSpan Half => TimeSpan.FromSeconds(
        Environment.GetEnvironmentVariables()["HAMMER_SECONDS"] is string seconds ? int.Parse(seconds, CultureInfo.InvariantCulture) / 2 : 15);

    [Fact]
    public async Task Readers_see_what_writers_were_told()
    {
        await using var redis = await TestRedis.StartAsync();
        await using var workers = await ShopWorkers.StartAsync(
            await shop.Postgres.CreateDatabaseAsync($"own_{Guid.NewGuid():N}"), Workers, redis.Settings);
        var hammer = new Hammer(workers);
        await hammer.PrepareAsync();

        // Its lags are those of compiling.
        await hammer.RunAsync(TimeSpan.FromSeconds(8));
        hammer.TakeLags();
        var running = hammer.RunAsync(2 * Half);
        await Task.Delay(Half, TestContext.Current.CancellationToken);
        var withRedis = hammer.TakeLags();
        await redis.KillAsync();
        await running;
        var without = hammer.TakeLags();

        var told = $"""
            {hammer.Reads} reads, {hammer.Writes} writes, {hammer.Violations.Count} violations
            lag between workers with Redis    {withRedis}
            lag between workers without Redis {without}
            """;
        TestReport.Tell(told);

        Assert.True(hammer.Violations.IsEmpty, string.Join('\n', hammer.Violations.Take(5).Prepend(told)));
        Assert.True(withRedis.At(0.99) < 50, told);
        Assert.True(without.At(0.99) < 1500, told);
        Assert.True(hammer.Reads > 1000 && hammer.Writes > 200, told);
    }

    private sealed class Hammer(ShopWorkers workers)
    {
        private const int Most = 1_000_000;

        // A writer for each product: what a product's stock is, all writers of it would have to agree on. What is sold only gets less, what is
        // changed only more; so every change is a step.
        private readonly JsonNode[] _products = new JsonNode[Products];
        private long _buyer;
        private readonly ConcurrentDictionary<long, List<Told>> _told = [];
        private readonly Stopwatch _clock = Stopwatch.StartNew();
        private readonly List<double> _lags = [];
        private long _reads;
        private long _writes;

        public ConcurrentBag<string> Violations { get; } = [];

        public long Reads => Interlocked.Read(ref _reads);

        public long Writes => Interlocked.Read(ref _writes);

        public async Task PrepareAsync()
        {
            _buyer = (await workers.Given.ClientAsync()).Id();
            for (var i = 0; i < Products; i++)
            {
                _products[i] = await workers.Given.ProductAsync(stock: IsSold(i) ? Most - 1 : 1);
                _told[_products[i].Id()] = [new Told(1, -1, TimeSpan.Zero)];
            }
        }

        public async Task RunAsync(TimeSpan time)
        {
            var end = _clock.Elapsed + time;
            var writers = Enumerable.Range(0, Products).Select(i => WriteAsync(i, end));
            var readers = Enumerable.Range(0, 2 * Workers).Select(i => ReadAsync(i % Workers, new Dice((ulong)i), end));
            await Task.WhenAll(writers.Concat(readers));
        }

        /// <summary>The lags since the last call.</summary>
        public Lags TakeLags()
        {
            lock (_told)
            {
                var lags = new Lags([.. _lags.Order()]);
                _lags.Clear();
                return lags;
            }
        }

        // Writes on one worker and then watches another one until it shows it.
        private async Task WriteAsync(int product, TimeSpan end)
        {
            var (writer, reader) = (product % Workers, (product + 1 + (product / Workers)) % Workers);
            using var watched = workers.Anonymous(reader);
            var path = $"/products/{_products[product].Id()}";
            var tellings = _told[_products[product].Id()];
            for (var step = tellings[^1].Step + 1; _clock.Elapsed < end; step++)
            {
                await (IsSold(product)
                    ? new Given(workers[writer]).OrderForAsync(_buyer, (_products[product], 1)).ShouldBeAsync(201)
                    : workers[writer].PatchAsync(path, new { stock = step }).ShouldBeAsync(200));
                var told = _clock.Elapsed;
                lock (tellings)
                {
                    tellings.Add(new Told(step, writer, told));
                }

                Interlocked.Increment(ref _writes);
                // The lag is that of the first read which shows it, by when it was asked for.
                var asked = _clock.Elapsed;
                while (StepOf(await watched.GetJsonAsync(path)) < step)
                {
                    await Task.Delay(1);
                    asked = _clock.Elapsed;
                }

                lock (_told)
                {
                    _lags.Add((asked - told).TotalMilliseconds);
                }

                await Task.Delay(200 + (product * 7));
            }
        }

        private async Task ReadAsync(int worker, Dice dice, TimeSpan end)
        {
            using var anyone = workers.Anonymous(worker);
            while (_clock.Elapsed < end)
            {
                var asked = _clock.Elapsed;
                var list = dice.Chance(50);
                var path = list ? "/products?skip=0&limit=20" : $"/products/{dice.Pick(_products).Id()}";
                var answer = await anyone.GetJsonAsync(path);
                foreach (var shown in list ? answer.AsArray().Select(p => p!) : [answer])
                {
                    Check(path, worker, asked, shown.Id(), StepOf(shown));
                }

                Interlocked.Increment(ref _reads);
                await Task.Delay(dice.Below(30));
            }
        }

        private static bool IsSold(int product) => product % 2 == 0;

        private static int StepOf(JsonNode shown) => (int)shown["stock"]! is var stock && stock > Most / 2 ? Most - stock : stock;

        private void Check(string path, int worker, TimeSpan asked, long id, int step)
        {
            lock (_told[id])
            {
                var due = _told[id].FindLast(t => t.At < asked && (t.Worker == worker || t.At < asked - Bound))!;
                if (step < due.Step)
                {
                    Violations.Add($"{path} on worker {worker} shows change {step} of product {id}, but {due.Step} was told by worker "
                        + $"{due.Worker} {(asked - due.At).TotalMilliseconds:F0} ms before.");
                }
            }
        }

        private sealed record Told(int Step, int Worker, TimeSpan At);
    }

    /// <summary>Milliseconds, in ascending order.</summary>
    private sealed record Lags(double[] Sorted)
    {
        public double At(double share) => Sorted[(int)(share * (Sorted.Length - 1))];

        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture,
            $"p50 {At(0.5):F1} ms, p90 {At(0.9):F1} ms, p99 {At(0.99):F1} ms, longest {At(1):F1} ms ({Sorted.Length} changes)");
    }
}
