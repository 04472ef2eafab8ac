using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Tienda.ApiTests.Contract;
using Tienda.Security;

namespace Tienda.ApiTests.Security;

/// <summary>Every operation, asked by a stranger, by the client whom the record belongs to, by another client, and by an administrator.</summary>
public sealed class AccessTests(ShopApp shop)
{
    private static readonly string[] ForAnyone =
    [
        "GetShop", "CheckHealth", "CheckLiveness", "CheckReadiness", "ListProblemTypes", "GetProblemType", "ListProducts", "CountProducts",
        "GetProduct", "ListProductReviews", "ListCategories", "GetCategory", "ListReviews", "GetReview", "CreateClient", "SignIn", "RefreshSession", "SignOut",
    ];

    private static readonly string[] ForAdministrators =
    [
        "CreateProduct", "PutProduct", "PatchProduct", "DeleteProduct", "CreateCategory", "PutCategory", "PatchCategory", "DeleteCategory",
        "ListClients", "VoidBill", "ListOrderEvents", "ImportProducts", "ListProductImports", "GetProductImport", "EndProductImport", "ExportProducts",
        "ExportOrders", "EditProducts", "ListProductHistory",
    ];

    // Another client's list is empty or has only that client's own.
    private static readonly string[] ListsOfOnesOwn = ["ListAddresses", "ListOrders", "ListOrderDetails", "ListBills"];

    // They name a record of another in the body, where a reference that leads nowhere is 422.
    private static readonly string[] NamesTheOwnerInTheBody =
        ["CreateAddress", "PlaceOrder", "CreateOrderDetail", "CreateBill", "CreateReview"];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static TheoryData<string> All() => [.. Operations.Examples.Keys];

    [Theory]
    [MemberData(nameof(All))]
    public async Task Each_caller_gets_what_is_theirs(string operation)
    {
        var other = await shop.Given.ClientAsync();
        foreach (var caller in Enum.GetValues<Caller>())
        {
            var owner = await shop.Given.ClientAsync();
            var example = await Operations.Examples[operation](new Given(shop.Http) { Owner = owner });
            using var http = caller switch
            {
                Caller.Owner => shop.SignedIn(owner),
                Caller.Other => shop.SignedIn(other),
                Caller.Administrator => ShopApp.AsAdministrator(new HttpClient { BaseAddress = shop.Http.BaseAddress }),
                _ => new HttpClient { BaseAddress = shop.Http.BaseAddress },
            };

            using var request = new HttpRequestMessage(new HttpMethod(example.Method), example.Path)
            {
                Content = example.Content,
            };
            using var response = await http.SendAsync(request, Ct);

            var expected = Expected(operation, caller, example.Status);
            Assert.True(
                (int)response.StatusCode == expected,
                $"{operation} by {caller}: {(int)response.StatusCode} instead of {expected}: {await response.Content.ReadAsStringAsync(Ct)}");
            if (expected == 401)
            {
                Assert.NotEmpty(response.Headers.WwwAuthenticate);
            }
        }
    }

    [Fact]
    public void Every_route_declares_who_may_use_it() => Assert.Empty(
        shop.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(e => e.Metadata.GetMetadata<IAllowAnonymous>() is null
                && e.Metadata.GetMetadata<IAuthorizeData>()?.Policy is not (Access.Clients or Access.Administrators))
            .Select(e => e.DisplayName));

    [Fact]
    public async Task Metrics_are_for_administrators_also_with_the_key_as_a_bearer_token()
    {
        using var client = shop.SignedIn(await shop.Given.ClientAsync());
        using var prometheus = shop.WithToken(ShopApp.AdminApiKey);

        Assert.Equal(401, (int)(await shop.Anonymous.GetAsync("/metrics", Ct)).StatusCode);
        Assert.Equal(403, (int)(await client.GetAsync("/metrics", Ct)).StatusCode);
        Assert.Equal(200, (int)(await shop.Http.GetAsync("/metrics", Ct)).StatusCode);
        Assert.Equal(200, (int)(await prometheus.GetAsync("/metrics", Ct)).StatusCode);
    }

    [Fact]
    public async Task A_client_sees_only_own_records_in_lists_and_an_administrator_all()
    {
        var (ana, eva) = (await shop.Given.ClientAsync(), await shop.Given.ClientAsync());
        var product = await shop.Given.ProductAsync();
        foreach (var owner in new[] { ana, eva })
        {
            var given = new Given(shop.Http) { Owner = owner };
            await given.AddressAsync(owner.Id());
            var order = await given.OrderAsync((product, 1)).ShouldBeAsync(201);
            await shop.Http.PostAsync("/bills", new { order_id = order.Id(), payment_type = 1 }).ShouldBeAsync(201);
        }

        using var http = shop.SignedIn(ana);
        foreach (var list in new[] { "/addresses", "/orders", "/bills" })
        {
            Assert.Equal([ana.Id()], (await http.GetJsonAsync(list)).AsArray().Select(r => (long)r!["client_id"]!));
            Assert.Equal("1", await TotalAsync(http, list));
        }

        Assert.Single((await http.GetJsonAsync("/order_details")).AsArray());
        Assert.Empty((await http.GetJsonAsync($"/orders?client_id={eva.Id()}")).AsArray());
        Assert.Equal(ana.Id(), (await http.GetJsonAsync("/clients/me")).Id());
    }

    [Fact]
    public async Task A_client_need_not_say_who_they_are_but_may_not_say_to_be_another()
    {
        var (ana, eva) = (await shop.Given.ClientAsync(), await shop.Given.ClientAsync());
        using var http = shop.SignedIn(ana);
        var product = await shop.Given.ProductAsync();
        var items = new[] { new { product_id = product.Id(), quantity = 1 } };

        var order = await http.PostAsync("/orders", new { delivery_method = 1, items }).ShouldBeAsync(201);
        var refused = await http.PostAsync("/orders", new { client_id = eva.Id(), delivery_method = 9, items }).ShouldBeAsync(422);
        var nameless = await shop.Http.PostAsync("/orders", new { delivery_method = 9, items }).ShouldBeAsync(422);

        Assert.Equal(ana.Id(), (long)order["client_id"]!);
        Assert.Equal("must be your own id_key, or left out", refused.Errors()["client_id"]);
        Assert.Equal(["client_id", "delivery_method"], refused.Errors().Keys.Order());
        Assert.Equal(["client_id", "delivery_method"], nameless.Errors().Keys.Order());
    }

    [Fact]
    public async Task An_inactive_product_is_there_for_administrators_only()
    {
        var product = await shop.Given.ProductAsync();
        await shop.Http.PatchAsync($"/products/{product.Id()}", new { active = false }).ShouldBeAsync(200);
        using var client = shop.SignedIn(await shop.Given.ClientAsync());

        foreach (var http in new[] { shop.Anonymous, client })
        {
            await http.GetAsync($"/products/{product.Id()}", Ct).ShouldBeAsync(404);
            await http.GetAsync($"/products/{product.Id()}/reviews", Ct).ShouldBeAsync(404);
            Assert.Empty((await http.GetJsonAsync($"/products?search={Uri.EscapeDataString((string)product["name"]!)}")).AsArray());
        }

        await shop.Http.GetAsync($"/products/{product.Id()}", Ct).ShouldBeAsync(200);
        Assert.Single((await shop.Http.GetJsonAsync($"/products?search={Uri.EscapeDataString((string)product["name"]!)}")).AsArray());
    }

    [Fact]
    public async Task A_buyer_sets_neither_the_price_nor_the_state()
    {
        var client = await shop.Given.ClientAsync();
        using var http = shop.SignedIn(client);
        var items = new[] { new { product_id = (await shop.Given.ProductAsync(stock: 5)).Id(), quantity = 1 } };
        var order = await http.PostAsync("/orders", new { delivery_method = 1, items }).ShouldBeAsync(201);
        var path = $"/orders/{order.Id()}";

        await http.PostAsync("/orders", new { delivery_method = 1, payment_type = 1, discount = 1, items }).ShouldBeAsync(403);
        await http.PostAsync("/bills", new { order_id = order.Id(), payment_type = 1, discount = 0.01 }).ShouldBeAsync(403);
        await http.PatchAsync(path, new { status = 2 }).ShouldBeAsync(403);
        await http.PatchAsync(path, new { status = 3 }).ShouldBeAsync(403);
        await http.PatchAsync(path, new { delivery_method = 2 }).ShouldBeAsync(200);
        await shop.Http.PatchAsync(path, new { status = 2 }).ShouldBeAsync(200);
        await http.PatchAsync(path, new { delivery_method = 3 }).ShouldBeAsync(409);
        await http.PatchAsync(path, new { status = 4 }).ShouldBeAsync(200);
    }

    [Theory]
    [InlineData("Authorization", "Bearer not.a.token")]
    [InlineData("Authorization", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIiwicm9sZSI6ImFkbWluaXN0cmF0b3IifQ.")]
    [InlineData("X-API-Key", "wrong")]
    [InlineData("X-API-Key", "")]
    public async Task Wrong_credentials_are_refused_where_none_are_needed_but_not_where_none_are_looked_at(string header, string value)
    {
        using var http = new HttpClient { BaseAddress = shop.Http.BaseAddress };
        http.DefaultRequestHeaders.TryAddWithoutValidation(header, value);

        var problem = await http.GetAsync("/products?limit=1", Ct).ShouldBeAsync(401);
        await http.GetAsync("/orders", Ct).ShouldBeAsync(401);
        await http.GetAsync("/health_check", Ct).ShouldBeAsync(200);
        await http.PostAsync("/auth/logout", new { refresh_token = "x" }).ShouldBeAsync(204);

        Assert.Equal("/errors/unauthenticated", (string)problem["type"]!);
        Assert.True(value.Length == 0 || !problem.ToJsonString().Contains(value, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_wrong_method_is_still_a_405_for_strangers() =>
        await shop.Anonymous.DeleteAsync("/products", Ct).ShouldBeAsync(405);

    private static async Task<string> TotalAsync(HttpClient http, string list)
    {
        using var response = await http.GetAsync($"{list}?count=exact", Ct);
        return response.Headers.GetValues("X-Total-Count").Single();
    }

    private static int Expected(string operation, Caller caller, int success) => operation switch
    {
        _ when ForAnyone.Contains(operation) => success,
        _ when caller == Caller.Stranger => 401,
        "GetOwnClient" => caller == Caller.Administrator ? 404 : 200,
        _ when caller == Caller.Administrator || ListsOfOnesOwn.Contains(operation) => success,
        _ when ForAdministrators.Contains(operation) => 403,
        _ when caller == Caller.Other => NamesTheOwnerInTheBody.Contains(operation) ? 422 : 404,
        // The example moves the order on, which is the shop's part.
        "PutOrder" => 403,
        _ => success,
    };

    private enum Caller
    {
        Stranger,
        Owner,
        Other,
        Administrator,
    }
}
