using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace Tienda.ApiTests.Orders;

/// <summary>Short forms for placing orders.</summary>
public static class OrderSteps
{
    /// <summary>Posts under an idempotency key.</summary>
    public static async Task<HttpResponseMessage> PostKeyedAsync(
        this HttpClient http, string path, object body, string key, CancellationToken? ct = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body) };
        Assert.True(request.Headers.TryAddWithoutValidation("Idempotency-Key", key));
        return await http.SendAsync(request, ct ?? TestContext.Current.CancellationToken);
    }

    /// <summary>Orders one unit under a key.</summary>
    public static Task<HttpResponseMessage> PlaceAsync(this HttpClient http, JsonNode buyer, JsonNode product, string key) =>
        http.PostKeyedAsync("/orders", OrderOf(buyer.Id(), (product.Id(), 1)), key);

    public static object OrderOf(long clientId, params (long Product, int Quantity)[] lines) => new
    {
        client_id = clientId,
        delivery_method = 1,
        items = lines.Select(line => new { product_id = line.Product, quantity = line.Quantity }),
    };

    public static bool IsReplayed(this HttpResponseMessage response) =>
        response.Headers.TryGetValues("Idempotency-Replayed", out var values) && values.Single() == "true";
}
