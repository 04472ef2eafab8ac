using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tienda.Caching;
using Tienda.Categories;
using Tienda.Data;
using Tienda.Http;
using Tienda.Products;
using Tienda.Reviews;

namespace Tienda.ApiTests.Caching.Simulation;

/// <summary>The stores of one process.</summary>
public sealed record Stores(
    ProductStore Products, ProductListStore Lists, ProductFacetStore Facets, CategoryStore Categories, ReviewStore Reviews);

/// <summary>Something that a shop shows to anybody: its name in the cache and how it is read.</summary>
public sealed record SimulatedPage(string Key, Func<Stores, CacheFill, Task<IPage?>> ReadAsync)
{
    /// <summary>What is read, as the shop would answer it: the body and the headers that tell of other pages; or that there is nothing.</summary>
    public async Task<CacheEntry> FetchAsync(Stores stores, bool kept)
    {
        var fill = new CacheFill { IsWanted = kept };
        var page = await ReadAsync(stores, fill);
        return new CacheEntry(page?.ToJson() ?? [], page is null ? "absent" : null, NextOf(page), page?.TotalText)
        {
            Stamp = fill.Snapshot is { } snapshot ? new CacheStamp(fill.Incarnation!, snapshot) : null,
            Tags = [.. fill.Tags],
            Stock = [.. fill.Stock],
            ExpiresAt = TimeProvider.System.GetUtcNow().AddHours(1).ToUnixTimeMilliseconds(),
        };
    }

    public static string TextOf(CacheEntry entry) => entry.Absent ?? Encoding.UTF8.GetString(entry.Body) + entry.Link + entry.Total;

    /// <summary>When each product that the answer shows was changed, by id.</summary>
    public static IEnumerable<(long Id, long Version)> VersionsIn(CacheEntry entry)
    {
        var shown = entry.Absent is null ? JsonNode.Parse(entry.Body) : null;
        return (shown as JsonArray ?? [shown?.DeepClone()])
            .Where(record => record?["updated_at"] is not null)
            .Select(record => ((long)record!["id_key"]!, VersionOf((DateTime)record["updated_at"]!)));
    }

    public static long VersionOf(DateTime changedAt) => changedAt.Ticks;

    /// <summary>Every kind of page over a few products and categories.</summary>
    public static IReadOnlyList<SimulatedPage> All(int products) =>
    [
        .. Enumerable.Range(1, products).Select(id => new SimulatedPage($"products:id:{id}", async (s, fill) =>
            await s.Products.FindAsync(id, false, fill, CancellationToken.None) is { } product ? new One(product) : null)),
        .. Enumerable.Range(1, products / 2).Select(id => new SimulatedPage($"reviews:product:{id}:skip:0:limit:3", async (s, fill) =>
            await s.Reviews.ListOfProductAsync(id, false, new ListQuery { Limit = 3, Count = new TotalCount(true) }, fill, CancellationToken.None))),
        List("skip:0:limit:3", new ProductQuery { Limit = 3 }),
        List("skip:2:limit:3", new ProductQuery { Limit = 3, Skip = 2 }),
        List("skip:0:limit:100:count:exact", new ProductQuery { Count = new TotalCount(true) }),
        List("skip:0:limit:3:in_stock:true:count:exact", new ProductQuery { Limit = 3, InStock = true, Count = new TotalCount(true) }),
        List("skip:0:limit:3:in_stock:false", new ProductQuery { Limit = 3, InStock = false }),
        List("skip:0:limit:2:sort:price", new ProductQuery { Limit = 2, Sort = "price" }),
        List("skip:0:limit:2:sort:-rating", new ProductQuery { Limit = 2, Sort = "-rating" }),
        List("skip:0:limit:100:min_price:10.00", new ProductQuery { MinPrice = new Money(1000) }),
        List("skip:0:limit:100:category_id:1", new ProductQuery { CategoryId = 1 }),
        List("skip:0:limit:100:search:blue", new ProductQuery { Search = "blue" }),
        new SimulatedPage("products:facets", async (s, fill) =>
            new One(await s.Facets.ReadAsync(new ProductFilterQuery(), false, fill, CancellationToken.None))),
        new SimulatedPage("products:facets:search:blue", async (s, fill) =>
            new One(await s.Facets.ReadAsync(new ProductFilterQuery { Search = "blue" }, false, fill, CancellationToken.None))),
        new SimulatedPage("categories:list:skip:0:limit:100", async (s, fill) =>
            await s.Categories.ListAsync(new ListQuery(), fill, CancellationToken.None)),
        new SimulatedPage("categories:id:2", async (s, fill) =>
            await s.Categories.FindAsync(2, fill, CancellationToken.None) is { } category ? new One(category) : null),
    ];

    private static SimulatedPage List(string key, ProductQuery query) => new("products:list:" + key, async (s, fill) =>
        await s.Lists.ListAsync(query, false, fill, CancellationToken.None));

    private static string? NextOf(IPage? page) => page?.GetType().GetProperty("Next")?.GetValue(page)?.ToString();

    private sealed record One(object Record) : IPage
    {
        public string? TotalText => null;

        public string? Corrected => null;

        public string? LinkOf(Microsoft.AspNetCore.Http.HttpRequest request) => null;

        public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(Record, Record.GetType(), TiendaJson.Wire);
    }
}
