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

    public static async Task<OwnShop> OpenAsync(ShopApp shop, Func<Settings, Settings>? adjust = null)
    {
        var server = await shop.Postgres.CreateDatabaseAsync($"own_{Guid.NewGuid():N}");
        var (app, http) = await ShopApp.OpenShopAsync(server, adjust);
        return new OwnShop(server, app, http);
    }

    /// <summary>Holds a product's row as an operator does who forgot to commit.</summary>
    public async Task<HeldRow> HoldAsync(long productId)
    {
        var connection = await Database.OpenConnectionAsync();
        var transaction = await connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand($"SELECT FROM products WHERE id_key = {productId} FOR UPDATE", connection);
        await command.ExecuteNonQueryAsync();
        return new HeldRow(connection, transaction);
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

/// <summary>An open transaction that holds a row.</summary>
public sealed class HeldRow(NpgsqlConnection connection, NpgsqlTransaction transaction) : IAsyncDisposable
{
    public async ValueTask DisposeAsync()
    {
        await transaction.DisposeAsync();
        await connection.DisposeAsync();
    }
}
