using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;

namespace Tienda.ApiTests.Contract;

/// <summary>A request that succeeds.</summary>
/// <param name="Status">The answer's status.</param>
public sealed record Example(string Method, string Path, object? Body, int Status)
{
    /// <summary>The body as it is sent; a text is a file.</summary>
    public HttpContent? Content => Body switch
    {
        null => null,
        string file => new StringContent(file, Encoding.UTF8, "text/csv"),
        _ => JsonContent.Create(Body),
    };
}

/// <summary>One valid example of every operation, by its operationId. A test fails for an operation that is missing here.</summary>
public static class Operations
{
    public static IReadOnlyDictionary<string, Func<Given, Task<Example>>> Examples { get; } = new Dictionary<string, Func<Given, Task<Example>>>
    {
        ["GetShop"] = _ => Get("/"),
        ["CheckHealth"] = _ => Get("/health_check"),
        ["CheckLiveness"] = _ => Get("/health/live"),
        ["CheckReadiness"] = _ => Get("/health/ready"),
        ["ListProblemTypes"] = _ => Get("/errors"),
        ["GetProblemType"] = _ => Get("/errors/duplicate"),

        ["ListProducts"] = async given => await Get($"/products?category_id={(await given.CategoryAsync()).Id()}&count=estimate&limit=20"),
        ["CountProducts"] = async given => await Get($"/products/facets?category_id={(await given.CategoryAsync()).Id()}"),
        ["GetProduct"] = async given => await Get($"/products/{(await given.ProductAsync()).Id()}"),
        ["CreateProduct"] = _ => Post("/products", new { name = Given.Unique("Lamp"), price = 12.5m, stock = 3 }),
        ["PutProduct"] = async given => Put($"/products/{(await given.ProductAsync()).Id()}", new { price = 3 }),
        ["PatchProduct"] = async given => Patch($"/products/{(await given.ProductAsync()).Id()}", new { stock_change = 3 }),
        ["DeleteProduct"] = async given => Delete($"/products/{(await given.ProductAsync()).Id()}"),
        ["ImportProducts"] = _ => Task.FromResult(ImportOf(Given.Unique("Lamp"))),
        ["ListProductImports"] = _ => Get("/products/imports?status=completed&limit=10"),
        ["GetProductImport"] = async given => await Get($"/products/imports/{await ImportAsync(given)}"),
        ["EndProductImport"] = async given => new Example("DELETE", $"/products/imports/{await ImportAsync(given)}", null, 200),
        ["ExportProducts"] = async given => await Get($"/products/export?category_id={(await given.CategoryAsync()).Id()}"),
        ["EditProducts"] = async given => Patch(
            "/products/bulk",
            new { items = new[] { new { id_key = (await given.ProductAsync()).Id(), stock_change = 3 }, new { id_key = (await given.ProductAsync()).Id(), stock_change = -3 } } }),
        ["ListProductHistory"] = async given => await Get($"/products/{(await given.ProductAsync()).Id()}/history"),
        ["ListProductReviews"] = async given => await Get($"/products/{(await given.ReviewAsync())["product_id"]}/reviews"),

        ["ListCategories"] = _ => Get("/categories"),
        ["GetCategory"] = async given => await Get($"/categories/{(await given.CategoryAsync()).Id()}"),
        ["CreateCategory"] = _ => Post("/categories", new { name = Given.Unique("Lamps") }),
        ["PutCategory"] = async given => Put($"/categories/{(await given.CategoryAsync()).Id()}", new { name = Given.Unique("Lamps") }),
        ["PatchCategory"] = async given => Patch($"/categories/{(await given.CategoryAsync()).Id()}", new { parent_id = (long?)null }),
        ["DeleteCategory"] = async given => Delete($"/categories/{(await given.CategoryAsync()).Id()}"),

        ["ListClients"] = _ => Get("/clients"),
        ["GetClient"] = async given => await Get($"/clients/{(await given.ClientAsync()).Id()}"),
        ["CreateClient"] = _ => Post("/clients", new { name = "A", lastname = "B", email = $"{Guid.NewGuid():N}@example.com", password = "long enough" }),
        ["PutClient"] = async given => Put($"/clients/{(await given.ClientAsync()).Id()}", new { name = "Other" }),
        ["PatchClient"] = async given => Patch($"/clients/{(await given.ClientAsync()).Id()}", new { telephone = "+34600000000" }),
        ["DeleteClient"] = async given => Delete($"/clients/{await ClientOfOrderAsync(given)}"),
        ["GetOwnClient"] = _ => Get("/clients/me"),
        ["ListClientAddresses"] = async given => await Get($"/clients/{(await given.ClientAsync()).Id()}/addresses"),
        ["ListClientOrders"] = async given => await Get($"/clients/{await ClientOfOrderAsync(given)}/orders"),
        ["ExportClient"] = async given => await Get($"/clients/{await ClientOfOrderAsync(given)}/export"),

        ["SignIn"] = async given => new Example("POST", "/auth/token", Credentials(await given.ClientAsync()), 200),
        ["RefreshSession"] = async given => new Example("POST", "/auth/refresh", await SessionAsync(given), 200),
        ["SignOut"] = async given => new Example("POST", "/auth/logout", await SessionAsync(given), 204),

        ["ListAddresses"] = _ => Get("/addresses"),
        ["GetAddress"] = async given => await Get($"/addresses/{(await AddressAsync(given)).Id()}"),
        ["CreateAddress"] = async given =>
            await Post("/addresses", new { client_id = (await given.ClientAsync()).Id(), street = "S", number = "1", city = "C" }),
        ["PutAddress"] = async given => Put($"/addresses/{(await AddressAsync(given)).Id()}", new { city = "Vigo" }),
        ["PatchAddress"] = async given => Patch($"/addresses/{(await AddressAsync(given)).Id()}", new { city = "Vigo" }),
        ["DeleteAddress"] = async given => Delete($"/addresses/{(await AddressAsync(given)).Id()}"),

        ["ExportOrders"] = async given => await Get($"/orders/export?client_id={await ClientOfOrderAsync(given)}"),
        ["ListOrders"] = _ => Get("/orders?count=estimate"),
        ["GetOrder"] = async given => await Get($"/orders/{(await OrderAsync(given)).Id()}"),
        ["PlaceOrder"] = async given =>
        {
            var products = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => given.ProductAsync()));
            var items = products.Select(p => new { product_id = p.Id(), quantity = 1 });
            return await Post("/orders", new { client_id = (await given.ClientAsync()).Id(), delivery_method = 1, payment_type = 1, items });
        },
        ["PutOrder"] = async given => Put($"/orders/{(await OrderAsync(given)).Id()}", new { status = 2 }),
        ["PatchOrder"] = async given => Patch($"/orders/{(await OrderAsync(given)).Id()}", new { status = 4 }),
        ["DeleteOrder"] = async given => Delete($"/orders/{(await OrderAsync(given)).Id()}"),
        ["ListOrderEvents"] = async given => await Get($"/orders/{(await OrderAsync(given)).Id()}/events"),
        ["ListOrderOrderDetails"] = async given => await Get($"/orders/{(await OrderAsync(given)).Id()}/order_details"),

        ["ListOrderDetails"] = _ => Get("/order_details"),
        ["GetOrderDetail"] = async given => await Get($"/order_details/{await LineAsync(given)}"),
        ["CreateOrderDetail"] = async given => await Post(
            "/order_details", new { order_id = (await OrderAsync(given)).Id(), product_id = (await given.ProductAsync()).Id(), quantity = 1 }),
        ["PutOrderDetail"] = async given => Put($"/order_details/{await LineAsync(given)}", new { quantity = 3 }),
        ["PatchOrderDetail"] = async given =>
            Patch($"/order_details/{await LineAsync(given)}", new { product_id = (await given.ProductAsync()).Id() }),
        ["DeleteOrderDetail"] = async given => Delete($"/order_details/{await LineAsync(given)}"),

        ["ListBills"] = _ => Get("/bills"),
        ["GetBill"] = async given => await Get($"/bills/{await BillAsync(given)}"),
        ["CreateBill"] = async given => await Post("/bills", new { order_id = (await OrderAsync(given)).Id(), payment_type = 1 }),
        ["VoidBill"] = async given => new Example("POST", $"/bills/{await BillAsync(given)}/void", null, 200),

        ["ListReviews"] = _ => Get("/reviews"),
        ["GetReview"] = async given => await Get($"/reviews/{(await given.ReviewAsync()).Id()}"),
        ["CreateReview"] = async given => await Post(
            "/reviews", new { product_id = (await given.ProductAsync()).Id(), client_id = (await given.ClientAsync()).Id(), rating = 4.5m }),
        ["PutReview"] = async given => Put($"/reviews/{(await given.ReviewAsync()).Id()}", new { rating = 1 }),
        ["PatchReview"] = async given => Patch($"/reviews/{(await given.ReviewAsync()).Id()}", new { comment = "Still very good." }),
        ["DeleteReview"] = async given => Delete($"/reviews/{(await given.ReviewAsync()).Id()}"),
    };

    /// <summary>The operations of the committed document for which something holds.</summary>
    /// <param name="holds">Asked with the path, the method in lower case, and the operation.</param>
    public static IEnumerable<string> Where(Func<string, string, JsonObject, bool> holds) =>
        JsonNode.Parse(File.ReadAllText(Repository.PathOf("docs/openapi.json")))!["paths"]!.AsObject()
            .SelectMany(path => path.Value!.AsObject().Where(o => holds(path.Key, o.Key, o.Value!.AsObject())))
            .Select(o => (string)o.Value!["operationId"]!);

    private static Task<Example> Get(string path) => Task.FromResult(new Example("GET", path, null, 200));

    private static Task<Example> Post(string path, object body) => Task.FromResult(new Example("POST", path, body, 201));

    private static Example Put(string path, object body) => new("PUT", path, body, 200);

    private static Example Patch(string path, object body) => new("PATCH", path, body, 200);

    private static Example Delete(string path) => new("DELETE", path, null, 204);

    private static Example ImportOf(string name) => new("POST", "/products/import?dry_run=true", $"name,price,stock\n{name},12.5,3\n", 200);

    private static async Task<long> ImportAsync(Given given) => (await given.Http.PostAsync(
        "/products/import?dry_run=true", ImportOf(Given.Unique("Lamp")).Content, TestContext.Current.CancellationToken).ShouldBeAsync(200)).Id();

    private static object Credentials(JsonNode client) => new { email = (string)client["email"]!, password = Given.Password };

    private static async Task<object> SessionAsync(Given given)
    {
        var signedIn = await given.Http.PostAsync("/auth/token", Credentials(await given.ClientAsync())).ShouldBeAsync(200);
        return new { refresh_token = (string)signedIn["refresh_token"]! };
    }

    private static async Task<JsonNode> AddressAsync(Given given) => await given.AddressAsync((await given.ClientAsync()).Id());

    private static async Task<JsonNode> OrderAsync(Given given) => await given.OrderAsync((await given.ProductAsync(), 2)).ShouldBeAsync(201);

    private static async Task<long> ClientOfOrderAsync(Given given) => (long)(await OrderAsync(given))["client_id"]!;

    private static async Task<long> LineAsync(Given given) => (await OrderAsync(given))["items"]![0]!.Id();

    private static async Task<long> BillAsync(Given given) => (await given.Http.PostAsync(
        "/bills", new { order_id = (await OrderAsync(given)).Id(), payment_type = 1 }).ShouldBeAsync(201)).Id();
}
