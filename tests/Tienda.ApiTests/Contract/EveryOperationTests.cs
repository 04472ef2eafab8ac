using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Tienda.Http;
using Tienda.Telemetry;

namespace Tienda.ApiTests.Contract;

/// <summary>A second shop on the same database, whose conversation with PostgreSQL is counted.</summary>
public sealed class CountedShop(ShopApp shop) : IAsyncLifetime
{
    private WebApplication _app = null!;

    public PostgresWire Wire { get; private set; } = null!;

    /// <summary>Of every request what it asked of the database.</summary>
    public CapturedLog Log { get; } = new();

    public HttpClient Http { get; private set; } = null!;

    /// <summary>The round trips that an operation declares.</summary>
    public int BudgetOf(string operation) => _app.Services.GetRequiredService<EndpointDataSource>().Endpoints
        .Single(e => e.Metadata.GetMetadata<IEndpointNameMetadata>()?.EndpointName == operation)
        .Metadata.GetMetadata<RoundTripBudget>()?.Most ?? 1;

    public async ValueTask InitializeAsync()
    {
        Wire = new PostgresWire(shop.Postgres.Server("shop").Host);
        (_app, Http) = await ShopApp.OpenShopAsync(
            shop.Postgres.Server("shop") with { Host = Wire.Host },
            s => s with { JsonLogs = true, Log = new LogSettings { SlowRequestMs = 0, Output = Log.Output } });
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.DisposeAsync();
        await Wire.DisposeAsync();
    }
}

public sealed class EveryOperationTests(ShopApp shop, CountedShop counted) : IClassFixture<CountedShop>
{
    private static readonly string[] BadIds =
        ["0", "-1", "abc", "9223372036854775808", "1.5", "%00", "1%27%20OR%201=1"];

    // Other ways to write a number, which must not lead to its record.
    private static readonly string[] BadSpellings = ["+{0}", "0{0}", "%20{0}", "{0}%20", "{0}%09", "{0}.0", "%EF%BC%91{0}"];

    private static readonly string[] NeedsNoDatabase =
        ["GetShop", "CheckHealth", "CheckLiveness", "CheckReadiness", "ListProblemTypes", "GetProblemType"];

    private static readonly string[] BadBodies =
        ["", "{", "[]", "null", "5", "\"x\"", "{\"surely_unknown\":1}", "{\"a\":1,\"a\":2}", "{\"name\":\"\\ud800\"}", "\u0000"];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    // It needs somebody who signed in; the matrix of Security/AccessTests asks it as one.
    public static TheoryData<string> All() => [.. Operations.Examples.Keys.Where(operation => operation != "GetOwnClient")];

    public static TheoryData<string> Gets() => [.. Operations.Where((path, method, _) => method == "get" && path != "/clients/me")];

    public static TheoryData<string> Creations() => [.. Operations.Where((_, _, operation) => operation["responses"]!["201"] is not null)];

    public static TheoryData<string> OfOneRecord() => [.. Operations.Where((path, _, _) => path.Contains("{id_key}", StringComparison.Ordinal))];

    public static TheoryData<string> WithBody() => [.. Operations.Where((_, _, operation) => operation["requestBody"]?["content"]!["application/json"] is not null)];

    public static TheoryData<string> Writes() => [.. Operations.Where((_, method, _) => method is "put" or "patch" or "delete")];

    public static TheoryData<string> Lists() => [.. Operations.Where((_, _, operation) =>
        operation["parameters"]?.AsArray().Any(parameter => (string)parameter!["name"]! == "after") is true)];

    [Fact]
    public async Task Every_operation_of_the_document_has_an_example_here()
    {
        var document = await shop.Http.GetJsonAsync("/openapi.json");
        var documented = document["paths"]!.AsObject()
            .SelectMany(p => p.Value!.AsObject())
            .Where(o => o.Key is "get" or "post" or "put" or "patch" or "delete")
            .Select(o => (string)o.Value!["operationId"]!);

        Assert.Equal(documented.Order(), Operations.Examples.Keys.Order());
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task It_succeeds_within_its_round_trips(string operation)
    {
        await SendAsync(await Operations.Examples[operation](shop.Given));
        var asks = !NeedsNoDatabase.Contains(operation);
        var (onTheWire, logged) = await RoundTripsAsync(operation);
        for (var again = 0; again < 2 && asks && onTheWire > logged; again++)
        {
            // What the shop does by itself once a minute goes over the same wire, and can only add to it.
            (onTheWire, logged) = await RoundTripsAsync(operation);
        }

        Assert.InRange(onTheWire, asks ? 1 : 0, counted.BudgetOf(operation));
        Assert.Equal(asks ? onTheWire : 0, logged);
    }

    [Theory]
    [MemberData(nameof(Gets))]
    public async Task A_get_also_answers_head_and_takes_a_trailing_slash(string operation)
    {
        var example = await Operations.Examples[operation](shop.Given);
        using var head = await SendAsync(example with { Method = "HEAD" });
        using var slash = await SendAsync(example with { Path = example.Path.Split('?')[0].TrimEnd('/') + "/" });

        Assert.Equal(200, (int)head.StatusCode);
        Assert.Equal(operation is "ExportProducts" or "ExportOrders" ? "text/csv" : "application/json", head.Content.Headers.ContentType!.MediaType);
        Assert.Empty(await head.Content.ReadAsByteArrayAsync(Ct));
        Assert.Equal(200, (int)slash.StatusCode);
    }

    [Theory]
    [MemberData(nameof(Creations))]
    public async Task What_was_created_is_found_at_its_location(string operation)
    {
        var example = await Operations.Examples[operation](shop.Given);
        using var response = await SendAsync(example);
        var found = await counted.Http.GetJsonAsync(response.Headers.Location!.ToString());

        Assert.Equal((await response.JsonAsync()).ToJsonString(), found.ToJsonString());
    }

    [Theory]
    [MemberData(nameof(OfOneRecord))]
    public async Task A_path_id_that_is_none_leads_nowhere(string operation)
    {
        var example = await Operations.Examples[operation](shop.Given);
        var id = example.Path.Split('/').First(part => long.TryParse(part, out _));
        var spellings = BadSpellings.Select(form => string.Format(System.Globalization.CultureInfo.InvariantCulture, form, id));
        foreach (var bad in BadIds.Concat(spellings).Append(long.MaxValue.ToString(System.Globalization.CultureInfo.InvariantCulture)))
        {
            using var response = await SendAsync(example with { Path = example.Path.Replace("/" + id, "/" + bad, StringComparison.Ordinal) });
            // The server itself refuses a NUL in a path before any route is looked at.
            Assert.Equal(bad == "%00" ? 400 : 404, (int)response.StatusCode);
        }
    }

    [Theory]
    [MemberData(nameof(WithBody))]
    public async Task A_body_that_cannot_be_read_is_a_problem_that_says_why(string operation)
    {
        var example = await Operations.Examples[operation](shop.Given);
        foreach (var bad in BadBodies)
        {
            using var request = new HttpRequestMessage(new HttpMethod(example.Method), example.Path)
            {
                Content = new StringContent(bad, Encoding.UTF8, "application/json"),
            };
            await ShouldRefuseAsync(request, 400);
        }

        using var form = new HttpRequestMessage(new HttpMethod(example.Method), example.Path)
        {
            Content = new FormUrlEncodedContent([new("name", "x")]),
        };
        await ShouldRefuseAsync(form, 415);
        using var large = new HttpRequestMessage(new HttpMethod(example.Method), example.Path)
        {
            Content = new StringContent("{\"name\":\"" + new string('x', 10_000_000) + "\"}", Encoding.UTF8, "application/json"),
        };
        large.Headers.ExpectContinue = true;
        await ShouldRefuseAsync(large, 413);
    }

    [Theory]
    [MemberData(nameof(Writes))]
    public async Task A_write_under_a_condition_judges_it_or_says_that_it_takes_none(string operation)
    {
        var example = await Operations.Examples[operation](shop.Given);
        using var request = new HttpRequestMessage(new HttpMethod(example.Method), example.Path) { Content = example.Content };
        request.Headers.TryAddWithoutValidation("If-Match", "\"other\"");
        using var response = await shop.Http.SendAsync(request, Ct);

        if ((int)response.StatusCode != 412)
        {
            Assert.Equal(422, (int)response.StatusCode);
            Assert.Equal(["If-Match"], (await response.JsonAsync()).Errors().Keys);
        }
    }

    [Theory]
    [MemberData(nameof(Lists))]
    public async Task A_list_is_bounded_and_refuses_other_bounds(string operation)
    {
        var path = (await Operations.Examples[operation](shop.Given)).Path.Split('?')[0];
        foreach (var bad in new[] { "skip=-1", "limit=0", "limit=10000000", "limit=-5", "skip=10001", "skip=-1&limit=0" })
        {
            var problem = await shop.Http.GetAsync($"{path}?{bad}", Ct).ShouldBeAsync(422);
            Assert.Equal(bad.Split('&').Select(p => p.Split('=')[0]).Order(), problem["errors"]!.AsObject().Select(e => e.Key).Order());
        }

        foreach (var bad in new[] { "limit=abc", "skip=1.5", "limit=99999999999999999999", "after=abc", "after=%00", "count=all", "limit=1&limit=2" })
        {
            var problem = await shop.Http.GetAsync($"{path}?{bad}", Ct).ShouldBeAsync(400);
            Assert.Contains(bad.Split('=')[0], (string)problem["detail"]!, StringComparison.Ordinal);
        }

        await shop.Http.GetAsync($"{path}?limit=1000", Ct).ShouldBeAsync(200);
    }

    // Of one request that succeeds, on the wire and as the shop tells it.
    private async Task<(int OnTheWire, int Logged)> RoundTripsAsync(string operation)
    {
        var example = await Operations.Examples[operation](shop.Given);
        counted.Wire.TakeRoundTrips();

        using var response = await SendAsync(example);

        Assert.True((int)response.StatusCode == example.Status, await response.Content.ReadAsStringAsync(Ct));
        var onTheWire = counted.Wire.TakeRoundTrips();
        var line = (await counted.Log.LinesWithAsync($"\"request_id\":\"{response.Headers.GetValues("X-Request-ID").Single()}\""))[0];
        return (onTheWire, (int?)JsonNode.Parse(line)!["db_round_trips"] ?? 0);
    }

    private Task<HttpResponseMessage> SendAsync(Example example)
    {
        var request = new HttpRequestMessage(new HttpMethod(example.Method), example.Path) { Content = example.Content };
        return counted.Http.SendAsync(request, Ct);
    }

    private async Task ShouldRefuseAsync(HttpRequestMessage request, int status)
    {
        using var response = await shop.Http.SendAsync(request, Ct);
        var problem = await response.JsonAsync();
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        Assert.NotEmpty((string)problem["detail"]!);
        Assert.Equal(status, (int)problem["status"]!);
    }
}
