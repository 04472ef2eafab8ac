using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Tienda.Hosting;
using Tienda.Telemetry;

namespace Tienda.ApiTests.Telemetry;

/// <summary>A shop whose log can be read, and whose way to PostgreSQL can be made long.</summary>
public sealed class LoggedShop : IAsyncDisposable
{
    private readonly WebApplication _app;
    private int _requests;

    private LoggedShop(WebApplication app, HttpClient http, PostgresWire wire, CapturedLog log) =>
        (_app, Http, Wire, Log) = (app, http, wire, log);

    public HttpClient Http { get; }

    public PostgresWire Wire { get; }

    public CapturedLog Log { get; }

    public IServiceProvider Services => _app.Services;

    public HttpClient Anonymous() => new() { BaseAddress = Http.BaseAddress };

    public static async Task<LoggedShop> OpenAsync(PostgresServer server, bool json, Func<Settings, Settings>? adjust = null)
    {
        var (wire, log) = (new PostgresWire(server.Host), new CapturedLog());
        var (app, http) = await ShopApp.OpenShopAsync(server with { Host = wire.Host }, s =>
        {
            s = s with { JsonLogs = json, Log = new LogSettings { Output = log.Output } };
            return adjust?.Invoke(s) ?? s;
        });
        return new LoggedShop(app, http, wire, log);
    }

    /// <summary>Sends a request under an id of its own.</summary>
    public async Task<(string Id, HttpResponseMessage Response)> SendAsync(HttpMethod method, string path, HttpContent? body = null, HttpClient? http = null)
    {
        var id = $"request-{Interlocked.Increment(ref _requests)}-{Guid.NewGuid():N}";
        using var request = new HttpRequestMessage(method, path) { Content = body };
        request.Headers.Add("X-Request-ID", id);
        return (id, await (http ?? Http).SendAsync(request, TestContext.Current.CancellationToken));
    }

    /// <summary>The JSON line of a request that has been answered.</summary>
    public async Task<JsonNode> LineAsync(string id) =>
        (await Log.LinesWithAsync($"\"request_id\":\"{id}\"")).Select(line => JsonNode.Parse(line)!).Single(line => line["status"] is not null);

    /// <summary>What is logged of a GET.</summary>
    public async Task<JsonNode> LineOfGetAsync(string path, HttpClient? http = null)
    {
        var (id, response) = await SendAsync(HttpMethod.Get, path, http: http);
        response.Dispose();
        return await LineAsync(id);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.DisposeAsync();
        await Wire.DisposeAsync();
    }
}
