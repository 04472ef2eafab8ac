using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Tienda.ApiTests.Products;

namespace Tienda.ApiTests.Contract;

/// <summary>Every resource: a write with If-Match is made only if the record is still the one that was read.</summary>
public sealed class ConditionalWriteTests(ShopApp shop)
{
    // A record to write to, and two changes of it, neither of which refuses the other.
    private static readonly Dictionary<string, (Func<Given, Task<JsonNode>> Make, Func<object> Change, Func<object> Other)> Resources = new()
    {
        ["products"] = (given => given.ProductAsync(), () => new { price = 3 }, () => new { stock_change = 1 }),
        ["categories"] = (given => given.CategoryAsync(), () => new { name = Given.Unique("One") }, () => new { name = Given.Unique("Two") }),
        ["clients"] = (given => given.ClientAsync(), () => new { name = "Eva" }, () => new { telephone = "+34600000000" }),
        ["addresses"] = (async given => await given.AddressAsync((await given.ClientAsync()).Id()), () => new { city = "Vigo" }, () => new { number = "8" }),
        ["orders"] = (OrderAsync, () => new { delivery_method = 2 }, () => new { delivery_method = 3 }),
        ["order_details"] = (async given => (await OrderAsync(given))["items"]![0]!, () => new { quantity = 3 }, () => new { quantity = 4 }),
        ["reviews"] = (given => given.ReviewAsync(), () => new { rating = 1 }, () => new { comment = "Still very good." }),
    };

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static TheoryData<string, string> Writes()
    {
        var writes = new TheoryData<string, string>();
        foreach (var resource in Resources.Keys)
        {
            foreach (var method in new[] { "PATCH", "PUT", "DELETE" })
            {
                writes.Add(resource, method);
            }
        }

        return writes;
    }

    public static TheoryData<string> All() => [.. Resources.Keys];

    [Theory]
    [MemberData(nameof(Writes))]
    public async Task A_lost_update_is_refused_and_leaves_the_record_as_it_is(string resource, string method)
    {
        var path = await MakeAsync(resource);
        var old = await EtagAsync(path);
        await shop.Http.PatchAsync(path, Resources[resource].Other()).ShouldBeAsync(200);
        var now = await shop.Http.GetJsonAsync(path);

        var problem = await WriteAsync(method, path, old, Resources[resource].Change()).ShouldBeAsync(412);

        Assert.Equal("/errors/precondition-failed", (string?)problem["type"]);
        Assert.Equal(now.ToJsonString(), (await shop.Http.GetJsonAsync(path)).ToJsonString());
    }

    [Theory]
    [MemberData(nameof(Writes))]
    public async Task With_the_etag_that_was_read_or_a_star_it_is_made(string resource, string method)
    {
        foreach (var star in new[] { false, true })
        {
            var path = await MakeAsync(resource);
            using var answer = await WriteAsync(method, path, star ? "*" : $"\"other\", {await EtagAsync(path)}", Resources[resource].Change());

            Assert.Equal(method == "DELETE" ? 204 : 200, (int)answer.StatusCode);
            if (method != "DELETE")
            {
                // Who has written may write again without reading.
                Assert.Equal(await EtagAsync(path), answer.Headers.ETag!.ToString());
            }
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task Of_two_who_have_read_the_same_exactly_one_writes(string resource)
    {
        var path = await MakeAsync(resource);
        var etag = await EtagAsync(path);
        Task<HttpResponseMessage>[] writes;
        await using (var held = await HoldAsync(path))
        {
            writes =
            [
                .. Enumerable.Range(0, 2).Select(_ => WriteAsync("PATCH", path, etag, Resources[resource].Change())),
                .. Enumerable.Range(0, 2).Select(_ => WriteAsync("PATCH", path, etag, Resources[resource].Other())),
            ];
            await held.WaitedForAsync(writes.Length);
        }

        Assert.Equal([200, 412, 412, 412], (await Task.WhenAll(writes)).Select(answer => (int)answer.StatusCode).Order());
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task Of_a_change_and_a_deletion_of_what_was_read_one_is_made(string resource)
    {
        var path = await MakeAsync(resource);
        var etag = await EtagAsync(path);
        Task<HttpResponseMessage> change, deletion;
        await using (var held = await HoldAsync(path))
        {
            change = WriteAsync("PATCH", path, etag, Resources[resource].Change());
            deletion = WriteAsync("DELETE", path, etag, null);
            await held.WaitedForAsync(2);
        }

        var answers = await Task.WhenAll(change, deletion);
        var statuses = ((int)answers[0].StatusCode, (int)answers[1].StatusCode);
        Assert.True(statuses is (200, 412) or (404, 204), $"{statuses}");
        Assert.Equal(statuses.Item1, (int)(await shop.Http.GottenAsync(path)).StatusCode);
    }

    [Fact]
    public async Task A_stock_that_was_counted_from_what_was_read_never_writes_over_a_sale()
    {
        await Task.WhenAll(Enumerable.Range(0, 6).Select(async _ =>
        {
            var product = await shop.Given.ProductAsync(stock: 10);
            var path = $"/products/{product.Id()}";
            var etag = await EtagAsync(path);

            var sale = shop.Given.OrderAsync((product, 1));
            using var count = await WriteAsync("PATCH", path, etag, new { stock = 5 });
            await sale.ShouldBeAsync(201);

            var made = (int)count.StatusCode == 200;
            Assert.True(made || (int)count.StatusCode == 412, $"{count.StatusCode}");
            Assert.Equal(made ? 4 : 9, (int)(await shop.Http.GetJsonAsync(path))["stock"]!);
        }));
    }

    [Fact]
    public async Task Of_those_who_give_the_client_that_they_have_read_a_new_password_one_does()
    {
        var client = await shop.Given.ClientAsync();
        var path = $"/clients/{client.Id()}";
        var etag = await EtagAsync(path);
        string PasswordOf(int n) => $"{Given.Password} {n}";

        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(n => WriteAsync("PATCH", path, etag, new { password = PasswordOf(n) })));

        var made = Assert.Single(answers.Index(), answer => (int)answer.Item.StatusCode == 200);
        Assert.Equal(3, answers.Count(answer => (int)answer.StatusCode == 412));
        await shop.Http.PostAsync("/auth/token", new { email = (string)client["email"]!, password = PasswordOf(made.Index) }).ShouldBeAsync(200);
        // Nothing of it is shown, and the answer names what stands now.
        Assert.Equal(client.ToJsonString(), (await made.Item.JsonAsync()).ToJsonString());
        Assert.Equal(await EtagAsync(path), made.Item.Headers.ETag!.ToString());
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task A_weak_or_malformed_etag_matches_nothing(string resource)
    {
        var path = await MakeAsync(resource);
        foreach (var value in new[] { "W/" + await EtagAsync(path), "nonsense", "\"\"", "," })
        {
            await WriteAsync("PATCH", path, value, Resources[resource].Change()).ShouldBeAsync(412);
        }
    }

    [Theory]
    [MemberData(nameof(Writes))]
    public async Task What_is_not_there_is_404_under_every_condition(string resource, string method) =>
        await WriteAsync(method, $"/{resource}/{long.MaxValue}", "*", Resources[resource].Change()).ShouldBeAsync(404);

    [Theory]
    [InlineData("clients")]
    [InlineData("addresses")]
    [InlineData("orders")]
    [InlineData("order_details")]
    public async Task What_belongs_to_others_is_404_and_not_412(string resource)
    {
        var path = await MakeAsync(resource);
        using var stranger = shop.SignedIn(await shop.Given.ClientAsync());
        using var request = Request("PATCH", path, "\"other\"", Resources[resource].Change());

        await stranger.SendAsync(request, Ct).ShouldBeAsync(404);
    }

    [Fact]
    public async Task A_client_reads_the_etag_of_what_is_private_and_nobody_may_keep_it()
    {
        var client = await shop.Given.ClientAsync();
        using var own = shop.SignedIn(client);
        using var read = await own.GottenAsync($"/clients/{client.Id()}");

        Assert.True(read.Headers.CacheControl!.NoStore);
        using var request = Request("PATCH", $"/clients/{client.Id()}", read.Headers.ETag!.ToString(), new { name = "Eva" });
        await own.SendAsync(request, Ct).ShouldBeAsync(200);
        Assert.Equal(await EtagAsync($"/clients/{client.Id()}"), await EtagAsync("/clients/me", own));
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task Who_has_read_it_is_told_that_nothing_has_changed(string resource)
    {
        var path = await MakeAsync(resource);
        foreach (var (known, status) in new[] { (await EtagAsync(path), 304), ("W/" + await EtagAsync(path), 304), ("\"other\"", 200) })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.TryAddWithoutValidation("If-None-Match", known);
            using var answer = await shop.Http.SendAsync(request, Ct);

            Assert.Equal(status, (int)answer.StatusCode);
            Assert.Equal(status == 304, (await answer.Content.ReadAsByteArrayAsync(Ct)).Length == 0);
        }
    }

    [Fact]
    public async Task An_order_is_another_one_when_a_line_or_its_bill_comes()
    {
        var order = await OrderAsync(shop.Given);
        var path = $"/orders/{order.Id()}";
        var first = await EtagAsync(path);
        await shop.Http.PatchAsync($"/order_details/{order["items"]![0]!.Id()}", new { quantity = 2 }).ShouldBeAsync(200);
        var second = await EtagAsync(path);
        await shop.Http.PostAsync("/bills", new { order_id = order.Id(), payment_type = 1 }).ShouldBeAsync(201);

        await WriteAsync("PATCH", path, first, new { status = 4 }).ShouldBeAsync(412);
        await WriteAsync("PATCH", path, second, new { status = 4 }).ShouldBeAsync(412);
        await WriteAsync("PATCH", path, await EtagAsync(path), new { status = 4 }).ShouldBeAsync(200);
    }

    [Fact]
    public async Task Of_two_who_cancel_what_they_have_read_one_does_and_stock_goes_back_once()
    {
        var product = await shop.Given.ProductAsync(stock: 10);
        var order = await shop.Given.OrderAsync((product, 4)).ShouldBeAsync(201);
        var path = $"/orders/{order.Id()}";
        var etag = await EtagAsync(path);

        var answers = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => WriteAsync("PATCH", path, etag, new { status = 4 })));

        Assert.Equal([200, 412], answers.Select(answer => (int)answer.StatusCode).Order());
        Assert.Equal(10, (int)(await shop.Http.GetJsonAsync($"/products/{product.Id()}"))["stock"]!);
    }

    [Fact]
    public async Task A_bill_is_voided_only_if_it_still_stands_as_it_was_read()
    {
        var order = await OrderAsync(shop.Given);
        var bill = await shop.Http.PostAsync("/bills", new { order_id = order.Id(), payment_type = 1 }).ShouldBeAsync(201);
        var etag = await EtagAsync($"/bills/{bill.Id()}");

        await WriteAsync("POST", $"/bills/{bill.Id()}/void", "\"other\"", null).ShouldBeAsync(412);
        await WriteAsync("POST", $"/bills/{bill.Id()}/void", etag, null).ShouldBeAsync(200);
        await WriteAsync("POST", $"/bills/{bill.Id()}/void", etag, null).ShouldBeAsync(412);
    }

    [Fact]
    public async Task An_import_is_ended_under_a_condition()
    {
        var product = await shop.Given.ProductAsync();
        await using (var held = await HoldAsync($"/products/{product.Id()}"))
        {
            var import = await shop.Http.ImportAsync($"id_key,price\n{product.Id()},7\n").ShouldBeAsync(202);
            var path = $"/products/imports/{import.Id()}";
            var etag = await EtagAsync(path);

            await WriteAsync("DELETE", path, "\"other\"", null).ShouldBeAsync(412);
            Assert.Equal("applying", (string)(await shop.Http.GetJsonAsync(path))["status"]!);
            var ended = await WriteAsync("DELETE", path, etag, null).ShouldBeAsync(200);

            Assert.Equal("abandoned", (string)ended["status"]!);
            await WriteAsync("DELETE", path, etag, null).ShouldBeAsync(412);
        }

        await WriteAsync("DELETE", $"/products/imports/{long.MaxValue}", "*", null).ShouldBeAsync(404);
    }

    [Fact]
    public async Task An_import_that_goes_on_meanwhile_is_not_ended()
    {
        var import = await shop.Http.ImportedAsync("name,price,stock\nLamp,1,1\n");
        var path = $"/products/imports/{import.Id()}";
        var etag = await EtagAsync(path);
        Task<HttpResponseMessage> end;
        await using (var portion = await shop.Database.HoldAsync($"UPDATE product_imports SET updated = updated + 1 WHERE id_key = {import.Id()}"))
        {
            end = WriteAsync("DELETE", path, etag, null);
            await portion.WaitedForAsync(1);
            await portion.CommitAsync();
        }

        await end.ShouldBeAsync(412);
        await WriteAsync("DELETE", path, await EtagAsync(path), null).ShouldBeAsync(200);
    }

    [Fact]
    public async Task The_document_tells_of_the_header_and_of_412_at_every_write_of_a_record()
    {
        var document = await shop.Http.GetJsonAsync("/openapi.json");
        foreach (var (path, operations) in document["paths"]!.AsObject().Where(p => p.Key.EndsWith("/{id_key}", StringComparison.Ordinal)))
        {
            foreach (var (method, operation) in operations!.AsObject())
            {
                var takesIt = operation!["parameters"]!.AsArray().Any(p => (string?)p!["name"] == "If-Match");
                Assert.True(takesIt == (method != "get"), $"{method} {path}");
                Assert.True((operation["responses"]!["412"] is not null) == (method != "get"), $"{method} {path}");
                Assert.True(method == "delete" || operation["responses"]!["200"]!["headers"]!["ETag"] is not null, $"{method} {path}");
            }
        }
    }

    private static async Task<JsonNode> OrderAsync(Given given) => await given.OrderAsync((await given.ProductAsync(), 1)).ShouldBeAsync(201);

    private async Task<string> MakeAsync(string resource) => $"/{resource}/{(await Resources[resource].Make(shop.Given)).Id()}";

    private Task<HeldRow> HoldAsync(string path) =>
        shop.Database.HoldAsync($"SELECT FROM {path.Split('/')[1]} WHERE id_key = {path.Split('/')[2]} FOR UPDATE");

    private Task<string> EtagAsync(string path) => EtagAsync(path, shop.Http);

    private static async Task<string> EtagAsync(string path, HttpClient http)
    {
        using var answer = await http.GottenAsync(path);
        Assert.Equal(200, (int)answer.StatusCode);
        return answer.Headers.ETag!.ToString();
    }

    private Task<HttpResponseMessage> WriteAsync(string method, string path, string condition, object? body) =>
        shop.Http.SendAsync(Request(method, path, condition, body), Ct);

    private static HttpRequestMessage Request(string method, string path, string condition, object? body)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Content = method == "DELETE" || body is null ? null : JsonContent.Create(body);
        request.Headers.TryAddWithoutValidation("If-Match", condition);
        return request;
    }
}
