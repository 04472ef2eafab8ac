using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Tienda.Addresses;
using Tienda.Bills;
using Tienda.Categories;
using Tienda.Clients;
using Tienda.Http;
using Tienda.OrderDetails;
using Tienda.Orders;
using Tienda.Products;
using Tienda.Reviews;
using Tienda.Security;

namespace Tienda;

/// <summary>Every type that crosses the wire. A response type that is missing here fails at once with a message that names it.</summary>
[JsonSerializable(typeof(ProblemBody))]
[JsonSerializable(typeof(Product))]
[JsonSerializable(typeof(List<Product>))]
[JsonSerializable(typeof(ProductFacets))]
[JsonSerializable(typeof(ProductImport))]
[JsonSerializable(typeof(List<ProductImport>))]
[JsonSerializable(typeof(List<LineError>))]
[JsonSerializable(typeof(BulkEditRequest))]
[JsonSerializable(typeof(BulkEditAnswer))]
[JsonSerializable(typeof(List<BulkEditOutcome>))]
[JsonSerializable(typeof(ProductChange))]
[JsonSerializable(typeof(List<ProductChange>))]
[JsonSerializable(typeof(Order))]
[JsonSerializable(typeof(List<Order>))]
[JsonSerializable(typeof(OrderEvent))]
[JsonSerializable(typeof(List<OrderEvent>))]
[JsonSerializable(typeof(PlaceOrderRequest))]
[JsonSerializable(typeof(UpdateOrderRequest))]
[JsonSerializable(typeof(OrderDetail))]
[JsonSerializable(typeof(List<OrderDetail>))]
[JsonSerializable(typeof(CreateOrderDetailRequest))]
[JsonSerializable(typeof(UpdateOrderDetailRequest))]
[JsonSerializable(typeof(Bill))]
[JsonSerializable(typeof(List<Bill>))]
[JsonSerializable(typeof(CreateBillRequest))]
[JsonSerializable(typeof(CreateProductRequest))]
[JsonSerializable(typeof(UpdateProductRequest))]
[JsonSerializable(typeof(Category))]
[JsonSerializable(typeof(List<Category>))]
[JsonSerializable(typeof(CreateCategoryRequest))]
[JsonSerializable(typeof(UpdateCategoryRequest))]
[JsonSerializable(typeof(Client))]
[JsonSerializable(typeof(List<Client>))]
[JsonSerializable(typeof(CreateClientRequest))]
[JsonSerializable(typeof(UpdateClientRequest))]
[JsonSerializable(typeof(ClientExport))]
[JsonSerializable(typeof(Address))]
[JsonSerializable(typeof(List<Address>))]
[JsonSerializable(typeof(CreateAddressRequest))]
[JsonSerializable(typeof(UpdateAddressRequest))]
[JsonSerializable(typeof(Review))]
[JsonSerializable(typeof(List<Review>))]
[JsonSerializable(typeof(CreateReviewRequest))]
[JsonSerializable(typeof(UpdateReviewRequest))]
[JsonSerializable(typeof(SignInRequest))]
[JsonSerializable(typeof(SessionRequest))]
[JsonSerializable(typeof(SignedIn))]
[JsonSerializable(typeof(Tienda.Hosting.ShopDescription))]
[JsonSerializable(typeof(Tienda.Hosting.HealthReport))]
[JsonSerializable(typeof(Tienda.Hosting.Liveness))]
[JsonSerializable(typeof(List<ProblemType>))]
[JsonSerializable(typeof(JsonElement))]
// Types of query parameters, which the OpenAPI document describes.
[JsonSerializable(typeof(bool?))]
[JsonSerializable(typeof(long?))]
[JsonSerializable(typeof(IdempotencyKey))]
[JsonSerializable(typeof(Cursor))]
[JsonSerializable(typeof(Moment?))]
[JsonSerializable(typeof(Money?))]
[JsonSerializable(typeof(TotalCount?))]
public sealed partial class TiendaJson : JsonSerializerContext
{
    /// <summary>The deepest nesting of a body that is read; the shop's own bodies have three levels.</summary>
    public const int MaximumDepth = 16;

    /// <summary>The rules of the wire: snake_case, strict types, no unknown and no repeated field.</summary>
    public static JsonSerializerOptions Wire => field ??= Configure(new JsonSerializerOptions(JsonSerializerDefaults.Web));

    public static JsonSerializerOptions Configure(JsonSerializerOptions options)
    {
        options.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.PropertyNameCaseInsensitive = false;
        options.AllowDuplicateProperties = false;
        options.MaxDepth = MaximumDepth;
        // Answers are application/json, never part of a page: letters beyond ASCII need no escapes.
        options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        options.TypeInfoResolver = Default
            .WithAddedModifier(PartialUpdate.NoteSentFields)
            .WithAddedModifier(IIgnoresReadOnlyFields.AddIgnoredFields);
        return options;
    }
}
