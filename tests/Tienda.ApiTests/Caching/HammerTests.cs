using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Tienda.ApiTests.Fuzz;

namespace Tienda.ApiTests.Caching;

/// <summary>
/// Four workers, readers and writers on all of them, for a minute: Redis is killed at half time. Each reader checks what it reads against
/// what writers had been told before it asked: the worker that told them shows it, the others within two seconds. Lags are between workers.
/// <c>HAMMER_SECONDS</c> makes it longer.
/// </summary>
[CollectionDefinition(nameof(HammerTests), DisableParallelization = true)]
[Collection(nameof(HammerTests))]
public sealed class HammerTests(ShopApp shop)
{
    private const int Workers = 4;
    private const int Products = 12;

    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(2);

    private static TimeSpan Half => TimeSpan.FromSeconds(
        Environment.GetEnvironmentVariables()["HAMMER_SECONDS"] is string seconds ? int.Parse(seconds, CultureInfo.InvariantCulture) / 2 : 30);

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
        var withRedis = await hammer.RunAsync(Half);
        await redis.KillAsync();
        await Task.Delay(TimeSpan.FromSeconds(2), TestContext.Current.CancellationToken);
        var without = await hammer.RunAsync(Half);

        var told = $"""
            {hammer.Reads} reads, {hammer.Writes} writes, {hammer.Violations.Count} violations
            lag between workers with Redis    {withRedis}
            lag between workers without Redis {without}
            """;
        Console.WriteLine(told);
        Assert.True(hammer.Violations.IsEmpty, string.Join('\n', hammer.Violations.Take(5).Prepend(told)));
        Assert.True(withRedis.At(0.99) < 50, told);
        Assert.True(without.At(0.99) < 1500, told);
        Assert.True(hammer.Reads > 1000 && hammer.Writes > 200, told);
    }

    private sealed class Hammer(ShopWorkers workers)
    {
        // A writer for each product: what a product's stock is, all writers of it would have to agree on. Stock only grows.
        private readonly long[] _ids = new long[Products];
        private readonly ConcurrentDictionary<long, List<Told>> _told = [];
        private readonly Stopwatch _clock = Stopwatch.StartNew();
        private List<double> _lags = [];
        private long _reads;
        private long _writes;

        public ConcurrentBag<string> Violations { get; } = [];

        public long Reads => Interlocked.Read(ref _reads);

        public long Writes => Interlocked.Read(ref _writes);

        public async Task PrepareAsync()
        {
            for (var i = 0; i < Products; i++)
            {
                _ids[i] = (await workers.Given.ProductAsync(stock: 1)).Id();
                _told[_ids[i]] = [new Told(1, -1, TimeSpan.Zero)];
            }
        }

        public async Task<Lags> RunAsync(TimeSpan time)
        {
            _lags = [];
            var end = _clock.Elapsed + time;
            var writers = Enumerable.Range(0, Products).Select(i => WriteAsync(i, end));
            var readers = Enumerable.Range(0, 2 * Workers).Select(i => ReadAsync(i % Workers, new Dice((ulong)i), end));
            await Task.WhenAll(writers.Concat(readers));
            return new Lags([.. _lags.Order()]);
        }

        // Writes on one worker and then watches another one until it shows it.
        private async Task WriteAsync(int product, TimeSpan end)
        {
            var (writer, reader) = (product % Workers, (product + 1 + (product / Workers)) % Workers);
            using var watched = workers.Anonymous(reader);
            for (var stock = _told[_ids[product]][^1].Stock + 1; _clock.Elapsed < end; stock++)
            {
                await workers[writer].PatchAsync($"/products/{_ids[product]}", new { stock }).ShouldBeAsync(200);
                var told = _clock.Elapsed;
                lock (_told[_ids[product]])
                {
                    _told[_ids[product]].Add(new Told(stock, writer, told));
                }

                Interlocked.Increment(ref _writes);
                // The lag is that of the first read which shows it, by when it was asked for.
                var asked = _clock.Elapsed;
                while ((int)(await watched.GetJsonAsync($"/products/{_ids[product]}"))["stock"]! < stock)
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
                var path = list ? "/products?skip=0&limit=20" : $"/products/{dice.Pick(_ids)}";
                var answer = await anyone.GetJsonAsync(path);
                foreach (var shown in list ? answer.AsArray().Select(p => p!) : [answer])
                {
                    Check(path, worker, asked, shown.Id(), (int)shown["stock"]!);
                }

                Interlocked.Increment(ref _reads);
                await Task.Delay(dice.Below(30));
            }
        }

        private void Check(string path, int worker, TimeSpan asked, long id, int stock)
        {
            lock (_told[id])
            {
                var due = _told[id].FindLast(t => t.At < asked && (t.Worker == worker || t.At < asked - Bound))!;
                if (stock < due.Stock)
                {
                    Violations.Add($"{path} on worker {worker} shows stock {stock} of product {id}, but {due.Stock} was told by worker "
                        + $"{due.Worker} {(asked - due.At).TotalMilliseconds:F0} ms before.");
                }
            }
        }

        private sealed record Told(int Stock, int Worker, TimeSpan At);
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
