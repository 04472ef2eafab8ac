using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Tienda.Hosting;
using Tienda.Orders;

namespace Tienda.ApiTests;

/// <summary>A shop on a database of its own, for tests that stop it, hold rows or count everything.</summary>
public sealed class OwnShop : IAsyncDisposable
{
    private OwnShop(PostgresServer server, WebApplication app, HttpClient http)
    {
        (Server, App, Http) = (server, app, http);
        Database = Tienda.Data.Database.CreateUnhurried(new Settings { Postgres = server });
    }

    public PostgresServer Server { get; }

    public WebApplication App { get; }

    public HttpClient Http { get; }

    /// <summary>Looks behind the shop's back.</summary>
    public NpgsqlDataSource Database { get; }

    public Given Given => new(Http);

    /// <summary>Speaks to the shop as nobody in particular.</summary>
    public HttpClient Anonymous() => new() { BaseAddress = Http.BaseAddress };

    public static async Task<OwnShop> OpenAsync(ShopApp shop, Func<Settings, Settings>? adjust = null) =>
        await OpenAsync(await shop.Postgres.CreateDatabaseAsync($"own_{Guid.NewGuid():N}"), adjust);

    /// <summary>A shop on a database that is there already.</summary>
    public static async Task<OwnShop> OpenAsync(PostgresServer server, Func<Settings, Settings>? adjust = null)
    {
        var (app, http) = await ShopApp.OpenShopAsync(server, adjust);
        return new OwnShop(server, app, http);
    }

    /// <summary>Holds what a statement locks, as an operator does who forgot to commit.</summary>
    public Task<HeldRow> HoldAsync(string sql) => Database.HoldAsync(sql);

    /// <summary>How PostgreSQL would run a statement.</summary>
    public async Task<string> PlanAsync(string sql)
    {
        await using var command = Database.CreateCommand("EXPLAIN " + sql);
        await using var row = await command.ExecuteReaderAsync();
        var lines = new List<string>();
        while (await row.ReadAsync())
        {
            lines.Add(row.GetString(0));
        }

        return string.Join('\n', lines);
    }

    /// <summary>Holds a product's row.</summary>
    public Task<HeldRow> HoldAsync(long productId) => HoldAsync($"SELECT FROM products WHERE id_key = {productId} FOR UPDATE");

    /// <summary>Holds up the whole queue: a first order bills, and the series of bills is held. For less than lock_timeout, one second.</summary>
    public async Task<(HeldRow Series, Task<HttpResponseMessage> First)> HoldQueueAsync()
    {
        var (product, buyer) = (await Given.ProductAsync(), await Given.ClientAsync());
        var series = await HoldAsync("SELECT FROM bill_series FOR UPDATE");
        var first = Http.PostAsync("/orders", new
        {
            client_id = buyer.Id(),
            delivery_method = 1,
            payment_type = 1,
            items = new[] { new { product_id = product.Id(), quantity = 1 } },
        });
        const string Waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
        for (var tries = 0; await Database.ValueAsync<long>(Waiting) == 0; tries++)
        {
            Assert.True(tries < 1000, "The first order never came to the series of bills.");
            await Task.Delay(5);
        }

        return (series, first);
    }

    /// <summary>Waits until so many orders wait in the queue.</summary>
    public async Task QueuedAsync(int orders)
    {
        var queue = App.Services.GetRequiredService<OrderQueue>();
        for (var tries = 0; queue.Length < orders; tries++)
        {
            Assert.True(tries < 1000, $"There were never {orders} orders in the queue.");
            await Task.Delay(1);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await App.DisposeAsync();
        await Database.DisposeAsync();
    }
}
