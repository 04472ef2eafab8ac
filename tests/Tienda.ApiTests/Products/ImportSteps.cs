using System.Text;
using System.Text.Json.Nodes;

namespace Tienda.ApiTests.Products;

/// <summary>Short forms for sending files of products.</summary>
internal static class ImportSteps
{
    public const string Csv = "text/csv";
    public const string Ndjson = "application/x-ndjson";

    // Beside other tests a portion may take long.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Sends a file.</summary>
    public static async Task<HttpResponseMessage> ImportAsync(this HttpClient http, string file, string mediaType = Csv, string query = "")
    {
        using var content = new StringContent(file, Encoding.UTF8, mediaType);
        return await http.PostAsync($"/products/import{query}", content, Ct);
    }

    /// <summary>Sends a file that is right, and waits until it has been applied.</summary>
    public static async Task<JsonNode> ImportedAsync(this HttpClient http, string file, string mediaType = Csv, string query = "") =>
        await http.FinishedAsync(await http.ImportAsync(file, mediaType, query).ShouldBeAsync(202));

    /// <summary>Waits until an import has been applied.</summary>
    public static async Task<JsonNode> FinishedAsync(this HttpClient http, JsonNode import)
    {
        var found = import;
        await Eventually.HoldsAsync(
            async () => (string)(found = await http.GetJsonAsync($"/products/imports/{import.Id()}"))["status"]! != "applying", Patience);
        return found;
    }

    /// <summary>What is wrong, as line, field and message.</summary>
    public static List<(long Line, string? Field, string Message)> LinesOf(JsonNode told, string name = "lines") =>
        [.. told[name]!.AsArray().Select(e => ((long)e!["line"]!, (string?)e["field"], (string)e["message"]!))];

    /// <summary>The product with a sku, or null.</summary>
    public static async Task<JsonNode?> BySkuAsync(this HttpClient http, string sku) =>
        (await http.GetJsonAsync($"/products?search={Uri.EscapeDataString(sku)}")).AsArray().SingleOrDefault(p => (string?)p!["sku"] == sku);

    /// <summary>A word that no other test has in a sku.</summary>
    public static string Prefix() => $"I{Guid.NewGuid():N}";
}
