using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Npgsql;
using Tienda.Hosting;

namespace Tienda.ApiTests;

/// <summary>A shop on a database of its own, for tests that stop it, hold rows or count everything.</summary>
public sealed partial class OwnShop : IAsyncDisposable
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
        for (var tries = 0; ; tries++)
        {
            var metrics = await Http.GetStringAsync("/metrics");
            if (int.Parse(QueueLength().Match(metrics).Groups[1].Value, CultureInfo.InvariantCulture) >= orders)
            {
                return;
            }

            Assert.True(tries < 200, $"There were never {orders} orders in the queue.");
            await Task.Delay(10);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await App.DisposeAsync();
        await Database.DisposeAsync();
    }

    [GeneratedRegex(@"^tienda_orders_queue_length\S* (\d+)", RegexOptions.Multiline)]
    private static partial Regex QueueLength();
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
