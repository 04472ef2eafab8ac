using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Npgsql;

namespace Tienda.ApiTests.Products;

/// <summary>Short forms for changing many products.</summary>
internal static class BulkSteps
{
    public const string Route = "/products/bulk";

    /// <summary>So many changes are made at once.</summary>
    public const int Portion = 500;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Sends it under an idempotency key.</summary>
    public static async Task<HttpResponseMessage> KeyedAsync(this HttpClient http, object body, string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Patch, Route) { Content = JsonContent.Create(body) };
        request.Headers.Add("Idempotency-Key", key);
        return await http.SendAsync(request, Ct);
    }

    /// <summary>What became of each change.</summary>
    public static List<JsonNode> Items(JsonNode answer) => [.. answer["items"]!.AsArray().Select(item => item!)];

    /// <summary>Products with ten units each and the skus word-1, word-2 and so on.</summary>
    public static async Task AddProductsAsync(this NpgsqlDataSource database, string word, int count)
    {
        await using var command = database.CreateCommand(string.Create(
            CultureInfo.InvariantCulture,
            $"INSERT INTO products (name, sku, price, stock) SELECT 'Bulk', '{word}-' || n, 950, 10 FROM generate_series(1, {count}) AS n"));
        await command.ExecuteNonQueryAsync(Ct);
    }
}
