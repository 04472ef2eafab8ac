using System.Text.Json.Nodes;
using static Tienda.ApiTests.Products.ImportSteps;

namespace Tienda.ApiTests.Products;

/// <summary>How imports are found: those whose file is still coming, and those of which there was no answer or another one than 202.</summary>
public sealed class ProductImportListTests(ShopApp shop)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task One_whose_file_is_coming_is_found_and_ended()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        using var file = new PausedFile("sku,name,price,stock\n", "late,Lamp,1,1\n");
        var sending = own.Http.PostAsync("/products/import", file, Ct);
        await Eventually.HoldsAsync(async () => (await FoundAsync(own, "?status=receiving")).Count == 1);
        var import = (await FoundAsync(own, "?status=receiving")).Single();

        await own.Http.DeleteAsync($"/products/imports/{import.Id()}", Ct).ShouldBeAsync(200);
        file.GoOn();
        await sending.ShouldBeAsync(503);

        Assert.Equal([import.Id()], (await FoundAsync(own, "?status=abandoned")).Select(found => found.Id()));
        Assert.Empty(await FoundAsync(own, "?status=receiving"));
    }

    [Fact]
    public async Task A_refusal_tells_under_which_id_it_is_kept()
    {
        var problem = await shop.Http.ImportAsync("name,price,stock\nA,0,1\n").ShouldBeAsync(422);

        var import = await shop.Http.GetJsonAsync($"/products/imports/{problem["import_id"]}");
        Assert.Equal(("refused", 1), ((string)import["status"]!, (int)import["invalid_lines"]!));
        Assert.Equal(LinesOf(problem), LinesOf(import, "errors"));
    }

    [Fact]
    public async Task They_are_listed_by_their_ids_a_page_at_a_time()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var ids = new List<long>();
        for (var i = 0; i < 3; i++)
        {
            ids.Add((await own.Http.ImportAsync("name,price,stock\nA,1,1\n", query: "?dry_run=true").ShouldBeAsync(200)).Id());
        }

        using var answer = await own.Http.GetAsync("/products/imports?limit=2&count=exact", Ct);
        var first = (await answer.JsonAsync()).AsArray().Select(import => import!.Id());
        var next = answer.Headers.GetValues("Link").Single().Split('<', '>')[1];
        var rest = (await own.Http.GetJsonAsync(next)).AsArray().Select(import => import!.Id());

        Assert.Equal("3", answer.Headers.GetValues("X-Total-Count").Single());
        Assert.Equal(ids, [.. first, .. rest]);
        await own.Http.GetAsync("/products/imports?status=lost", Ct).ShouldBeAsync(422);
    }

    private static async Task<List<JsonNode>> FoundAsync(OwnShop own, string query) =>
        [.. (await own.Http.GetJsonAsync($"/products/imports{query}")).AsArray().OfType<JsonNode>()];
}
