using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Tienda.ApiTests.Fuzz;
using Tienda.Data;
using Tienda.Hosting;
using Tienda.Telemetry;

namespace Tienda.ApiTests.Caching.Simulation;

/// <summary>
/// Several processes on one database and one Redis, whose steps a seed interleaves: overlapping transactions with savepoints, reads that
/// take their time, messages that come late, twice or never, processes that end, a log that is pruned or lost. Whatever a process has
/// acknowledged, its readers see; and when the writers rest and every process has asked the log, nothing old is left anywhere.
/// <c>SIMULATION_ROUNDS</c> makes it longer, <c>SIMULATION_SEED</c> another one.
/// </summary>
public sealed class CacheSimulationTests(ShopApp shop)
{
    private const int Products = 6;
    private const int Processes = 3;
    private const int MostWriters = 4;
    private const int StepsOfARound = 250;

    private static int Rounds => Number("SIMULATION_ROUNDS", 24);

    private static int Seed => Number("SIMULATION_SEED", 20261124);

    [Fact]
    public async Task Nothing_that_could_be_given_is_old()
    {
        await using var redis = await TestRedis.StartAsync();
        var server = await shop.Postgres.CreateDatabaseAsync($"own_{Guid.NewGuid():N}");
        var settings = new Settings { Postgres = server, Redis = new RedisAddress("127.0.0.1", redis.Port, 0, null) };
        await using var database = Database.CreateUnhurried(settings);
        await PrepareAsync(database);
        await using var simulation = new Simulation(settings, database, new Dice((ulong)Seed));
        for (var round = 1; round <= Rounds; round++)
        {
            await simulation.RunAsync(StepsOfARound, $"seed {Seed} round {round}");
        }

        // Otherwise all of the above would hold of a cache that keeps nothing.
        Assert.True(simulation.Compared > Rounds * 10, $"only {simulation.Compared} answers were there to be compared");
        Assert.True(simulation.Renewed > Rounds * 3, $"only {simulation.Renewed} answers were brought up to date");
    }

    private static async Task PrepareAsync(NpgsqlDataSource database)
    {
        await new Migrator(database, Migration.All).MigrateAsync(CancellationToken.None);
        await using var command = database.CreateCommand(
            $"""
            CREATE SEQUENCE changes;
            INSERT INTO categories (name, parent_id) VALUES ('one', NULL), ('two', 1), ('three', NULL);
            INSERT INTO clients (name, lastname, email) SELECT 'A', 'B', n || '@example.com' FROM generate_series(1, 4) AS n;
            INSERT INTO products (name, price, stock, category_id)
            SELECT 'blue thing', 900 + n * 50, n % 2, 1 + n % 3 FROM generate_series(1, {Products}) AS n;
            """);
        await command.ExecuteNonQueryAsync();
    }

    private static int Number(string variable, int otherwise) =>
        Environment.GetEnvironmentVariables()[variable] is string number ? int.Parse(number, CultureInfo.InvariantCulture) : otherwise;

    private sealed class Simulation(Settings settings, NpgsqlDataSource database, Dice dice) : IAsyncDisposable
    {
        private readonly SimulatedTime _time = new();
        private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().AddSingleton<CacheMetrics>().BuildServiceProvider();
        private readonly IReadOnlyList<SimulatedPage> _pages = SimulatedPage.All(Products);
        private readonly List<SimulatedProcess> _processes = [];
        private readonly List<SimulatedWriter> _writers = [];

        public int Compared { get; private set; }

        private CacheMetrics Metrics => _services.GetRequiredService<CacheMetrics>();

        public long Renewed => Metrics.Renewals;

        public async Task RunAsync(int steps, string name)
        {
            while (_processes.Count < Processes)
            {
                _processes.Add(await StartAsync());
            }

            for (var step = 0; step < steps; step++)
            {
                await StepAsync(dice.Pick(_processes));
                if (step % 20 == 0)
                {
                    // Otherwise nothing would be given from memory for the rest of the round.
                    _time.Advance(TimeSpan.FromMilliseconds(50));
                }
            }

            await RestAsync(name);
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var writer in _writers)
            {
                await writer.DisposeAsync();
            }

            foreach (var process in _processes)
            {
                await process.DisposeAsync();
            }

            await _services.DisposeAsync();
        }

        private async Task StepAsync(SimulatedProcess process)
        {
            switch (dice.Below(100))
            {
                case < 40:
                    await process.ReadAsync(dice.Pick(_pages));
                    break;
                case < 62:
                    await process.LandAsync(dice.Below);
                    break;
                case < 86:
                    await WriteAsync(process);
                    break;
                case < 90:
                    process.Look();
                    break;
                case < 94:
                    await process.TakeAsync();
                    break;
                case < 97:
                    Deliver(process);
                    break;
                case < 98:
                    process.Clock.Hear("another shop's", [new CacheEvent(1UL << 60, ["catalog", "products"])]);
                    break;
                default:
                    await DisturbAsync(process);
                    break;
            }
        }

        private async Task WriteAsync(SimulatedProcess process)
        {
            if (_writers.Count < MostWriters && dice.Chance(30))
            {
                _writers.Add(await SimulatedWriter.BeginAsync(process, database, dice, Products));
                return;
            }

            if (_writers.Count == 0)
            {
                return;
            }

            var writer = dice.Pick(_writers);
            if (writer.IsPrepared)
            {
                await EndAsync(writer);
            }
            else if (dice.Chance(30))
            {
                await writer.PrepareAsync();
            }
            else
            {
                await writer.ChangeAsync();
            }
        }

        private async Task EndAsync(SimulatedWriter writer)
        {
            await (dice.Below(20) switch
            {
                < 3 => writer.RollBackAsync(),
                3 => writer.LoseAsync(database),
                _ => writer.CommitAsync(_processes),
            });
            _writers.Remove(writer);
            await writer.DisposeAsync();
        }

        // A message is lost, doubled, or overtaken by the ones behind it.
        private void Deliver(SimulatedProcess process)
        {
            if (process.Inbox.Count > 0)
            {
                var place = dice.Below(process.Inbox.Count);
                var (incarnation, events) = process.Inbox[place];
                if (!dice.Chance(10))
                {
                    process.Inbox.RemoveAt(place);
                }

                if (!dice.Chance(30))
                {
                    process.Clock.Hear(incarnation, events);
                }
            }
        }

        private async Task DisturbAsync(SimulatedProcess process)
        {
            switch (dice.Below(6))
            {
                case 0:
                    // Ends; what it had begun to commit is committed, or is not.
                    foreach (var writer in _writers.Where(w => w.IsOf(process)).ToList())
                    {
                        await (writer.IsPrepared && dice.Chance(50) ? writer.CommitUnseenAsync() : writer.RollBackAsync());
                        _writers.Remove(writer);
                        await writer.DisposeAsync();
                    }

                    _processes.Remove(process);
                    await process.DisposeAsync();
                    _processes.Add(await StartAsync());
                    break;
                case 1:
                    process.Clock.See("another incarnation");
                    break;
                case 2 when _writers.Count == 0:
                    // A crash empties both; nobody is in a transaction then.
                    await using (var crash = database.CreateCommand("TRUNCATE cache_events, cache_clock"))
                    {
                        await crash.ExecuteNonQueryAsync();
                    }

                    break;
                default:
                    // Minutes pass, in which each process goes on asking, as it does twice a second; or one of them is held up.
                    var asleep = dice.Chance(30) ? process : null;
                    for (var minute = 0; minute < (asleep is null ? 4 : 13); minute++)
                    {
                        _time.Advance(TimeSpan.FromMinutes(1));
                        foreach (var each in _processes.Where(p => p != asleep))
                        {
                            each.Look();
                            await each.TakeAsync();
                        }
                    }

                    break;
            }
        }

        private async Task RestAsync(string name)
        {
            while (_writers.Count > 0)
            {
                if (!_writers[0].IsPrepared)
                {
                    await _writers[0].PrepareAsync();
                }

                await EndAsync(_writers[0]);
            }

            _processes.Add(await StartAsync());
            foreach (var process in _processes)
            {
                await process.CatchUpAsync();
            }

            for (var i = 0; i < _processes.Count; i++)
            {
                Compared += await _processes[i].CompareAsync(_pages, $"{name}: process {i}");
            }

            await _processes[^1].DisposeAsync();
            _processes.RemoveAt(_processes.Count - 1);
        }

        private async Task<SimulatedProcess> StartAsync()
        {
            var process = new SimulatedProcess(settings, _time, Metrics);
            await process.CatchUpAsync();
            return process;
        }
    }
}
