using System.Text.Json.Nodes;
using Tienda.Data;

namespace Tienda.ApiTests.Reviews;

public sealed class ReviewTests(ShopApp shop)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_review_is_found_at_its_location()
    {
        var (product, client) = (await shop.Given.ProductAsync(), await shop.Given.ClientAsync());
        const string Comment = "Muy bueno 😀 y rápido";
        using var response = await shop.Http.PostAsync(
            "/reviews", new { product_id = product.Id(), client_id = client.Id(), rating = 4, comment = Comment });

        var review = await shop.Http.GetJsonAsync(response.Headers.Location!.ToString());

        Assert.Equal(201, (int)response.StatusCode);
        Assert.Equal("4.0", review["rating"]!.ToJsonString());
        Assert.Equal(Comment, (string)review["comment"]!);
        Assert.Equal((product.Id(), client.Id()), ((long)review["product_id"]!, (long)review["client_id"]!));
    }

    [Fact]
    public async Task A_field_that_is_left_out_stays_and_one_sent_as_null_is_emptied()
    {
        var review = await shop.Given.ReviewAsync((await shop.Given.ProductAsync()).Id(), (await shop.Given.ClientAsync()).Id());
        var path = $"/reviews/{review.Id()}";

        var commented = await shop.Http.PatchAsync(path, new { comment = "On second thought" }).ShouldBeAsync(200);
        var rated = await shop.Http.PutAsync(path, new { rating = 2.5 }).ShouldBeAsync(200);
        var silent = await shop.Http.PatchAsync(path, new { comment = (string?)null }).ShouldBeAsync(200);
        var refused = await shop.Http.PatchAsync(path, new { rating = (decimal?)null, product_id = (long?)null }).ShouldBeAsync(422);

        Assert.Equal("4.0", commented["rating"]!.ToJsonString());
        Assert.Equal("On second thought", (string)rated["comment"]!);
        Assert.Equal(("2.5", null), (silent["rating"]!.ToJsonString(), silent["comment"]));
        Assert.Equal(["product_id", "rating"], refused.Errors().Keys.Order());
    }

    [Fact]
    public async Task A_review_stays_with_its_product_and_client()
    {
        var (product, client) = (await shop.Given.ProductAsync(), await shop.Given.ClientAsync());
        var review = await shop.Given.ReviewAsync(product.Id(), client.Id());
        var path = $"/reviews/{review.Id()}";

        var problem = await shop.Http.PatchAsync(path, new { product_id = long.MaxValue, client_id = 1, rating = 1 }).ShouldBeAsync(422);
        var one = await shop.Http.PatchAsync(path, new { client_id = long.MaxValue }).ShouldBeAsync(422);
        var same = await shop.Http.PutAsync(path, review).ShouldBeAsync(200);

        Assert.Equal(new() { ["product_id"] = "cannot be changed", ["client_id"] = "cannot be changed" }, problem.Errors());
        Assert.Equal(["client_id"], one.Errors().Keys);
        Assert.Equal(review.ToJsonString(), same.ToJsonString());
    }

    [Fact]
    public async Task Every_wrong_value_is_named_at_once()
    {
        var missing = await shop.Http.PostAsync("/reviews", new { }).ShouldBeAsync(422);
        var wrong = await shop.Http.PostAsync("/reviews", new { product_id = 0, client_id = -1, rating = 5.1, comment = "too short" })
            .ShouldBeAsync(422);
        var unknown = await shop.Http.PostAsync("/reviews", new { product_id = long.MaxValue, client_id = 1, rating = 5 })
            .ShouldBeAsync(422);

        Assert.Equal(["client_id", "product_id", "rating"], missing.Errors().Keys.Order());
        Assert.Equal(["client_id", "comment", "product_id", "rating"], wrong.Errors().Keys.Order());
        Assert.NotEmpty(unknown.Errors());
    }

    [Theory]
    [InlineData("0.9", "must be 1.0 to 5.0")]
    [InlineData("5.01", "must be 1.0 to 5.0")]
    [InlineData("4.55", "must have at most one decimal")]
    [InlineData("-3", "must be 1.0 to 5.0")]
    public async Task A_rating_is_one_to_five_with_one_decimal(string rating, string message)
    {
        var (product, client) = (await shop.Given.ProductAsync(), await shop.Given.ClientAsync());
        var body = new JsonObject { ["product_id"] = product.Id(), ["client_id"] = client.Id(), ["rating"] = JsonNode.Parse(rating) };

        var problem = await shop.Http.PostAsync("/reviews", body).ShouldBeAsync(422);

        Assert.Equal(message, problem.Errors()["rating"]);
    }

    [Fact]
    public async Task The_length_of_a_comment_is_counted_in_characters_that_people_see_as_one()
    {
        var (product, client) = (await shop.Given.ProductAsync(), await shop.Given.ClientAsync());
        var review = await shop.Given.ReviewAsync(product.Id(), client.Id());
        var path = $"/reviews/{review.Id()}";

        await shop.Http.PatchAsync(path, new { comment = string.Concat(Enumerable.Repeat("😀", 9)) }).ShouldBeAsync(422);
        await shop.Http.PatchAsync(path, new { comment = string.Concat(Enumerable.Repeat("😀", 1000)) }).ShouldBeAsync(200);
        await shop.Http.PatchAsync(path, new { comment = string.Concat(Enumerable.Repeat("😀", 1001)) }).ShouldBeAsync(422);
        await shop.Http.PatchAsync(path, new { comment = new string(' ', 20) }).ShouldBeAsync(422);
    }

    [Fact]
    public async Task A_client_reviews_a_product_once()
    {
        var (product, client) = (await shop.Given.ProductAsync(), await shop.Given.ClientAsync());
        var body = new { product_id = product.Id(), client_id = client.Id(), rating = 5 };

        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => shop.Http.PostAsync("/reviews", body)));

        Assert.Equal([201, 409, 409, 409], answers.Select(a => (int)a.StatusCode).Order());
        await AssertRatingAsync(product.Id(), "5.00", 1);
    }

    [Fact]
    public async Task The_rating_of_a_product_follows_its_reviews()
    {
        var product = await shop.Given.ProductAsync();
        var (ana, eva) = (await shop.Given.ClientAsync(), await shop.Given.ClientAsync());
        await AssertRatingAsync(product.Id(), null, 0);

        var first = await shop.Given.ReviewAsync(product.Id(), ana.Id(), 5m);
        await AssertRatingAsync(product.Id(), "5.00", 1);
        await shop.Given.ReviewAsync(product.Id(), eva.Id(), 2.5m);
        await AssertRatingAsync(product.Id(), "3.75", 2);
        await shop.Http.PatchAsync($"/reviews/{first.Id()}", new { rating = 4.1 }).ShouldBeAsync(200);
        await AssertRatingAsync(product.Id(), "3.30", 2);
        await shop.Http.PatchAsync($"/reviews/{first.Id()}", new { comment = "Nothing new about it" }).ShouldBeAsync(200);
        await AssertRatingAsync(product.Id(), "3.30", 2);
        await shop.Http.DeletedAsync($"/clients/{eva.Id()}").ShouldBeAsync(204);
        await AssertRatingAsync(product.Id(), "4.10", 1);
        await shop.Http.DeletedAsync($"/reviews/{first.Id()}").ShouldBeAsync(204);
        await AssertRatingAsync(product.Id(), null, 0);
    }

    [Fact]
    public async Task Twenty_reviewers_at_once_are_all_counted()
    {
        var product = await shop.Given.ProductAsync();
        var clients = new List<JsonNode>();
        for (var i = 0; i < 20; i++)
        {
            clients.Add(await shop.Given.ClientAsync());
        }

        var reviews = await Task.WhenAll(clients.Select((c, i) => shop.Given.ReviewAsync(product.Id(), c.Id(), i % 2 == 0 ? 1m : 5m)));
        await AssertRatingAsync(product.Id(), "3.00", 20);

        await Task.WhenAll(reviews.Select((r, i) => i < 10
            ? shop.Http.PatchAsync($"/reviews/{r.Id()}", new { rating = 2 })
            : shop.Http.DeletedAsync($"/reviews/{r.Id()}")));
        await AssertRatingAsync(product.Id(), "2.00", 10);
    }

    [Fact]
    public async Task A_review_and_a_change_of_the_products_sku_do_not_wait_for_each_other()
    {
        var (product, client) = (await shop.Given.ProductAsync(), await shop.Given.ClientAsync());
        await using var connection = await shop.Database.OpenConnectionAsync(Ct);
        await using var change = await connection.BeginTransactionAsync(Ct);
        await using var batch = connection.CreateBatch();
        batch.Then("SELECT FROM products WHERE id_key = $1 FOR NO KEY UPDATE").With(product.Id());
        await batch.ExecuteNonQueryAsync(Ct);

        var review = shop.Given.ReviewAsync(product.Id(), client.Id());
        while (await shop.Database.ValueAsync<long>(
            $"SELECT count(*) FROM pg_stat_activity WHERE {connection.ProcessID} = ANY (pg_blocking_pids(pid))") == 0)
        {
            await Task.Yield();
        }

        batch.BatchCommands.Clear();
        batch.Then("UPDATE products SET sku = 'sku-' || id_key WHERE id_key = $1").With(product.Id());
        await batch.ExecuteNonQueryAsync(Ct);
        await change.CommitAsync(Ct);

        await review;
        await AssertRatingAsync(product.Id(), "4.00", 1);
    }

    [Fact]
    public async Task The_reviews_of_a_product_are_those_of_no_other()
    {
        var (product, other) = (await shop.Given.ProductAsync(), await shop.Given.ProductAsync());
        var expected = new List<long>();
        for (var i = 0; i < 4; i++)
        {
            var client = await shop.Given.ClientAsync();
            expected.Add((await shop.Given.ReviewAsync(product.Id(), client.Id())).Id());
            await shop.Given.ReviewAsync(other.Id(), client.Id());
        }

        var reviews = await shop.Http.EveryPageAsync($"/products/{product.Id()}/reviews?limit=3");

        Assert.Equal(expected, reviews.Select(r => r.Id()));
        Assert.Empty((await shop.Http.GetJsonAsync($"/products/{(await shop.Given.ProductAsync()).Id()}/reviews")).AsArray());
        await shop.Http.GottenAsync($"/products/{long.MaxValue}/reviews").ShouldBeAsync(404);
    }

    [Fact]
    public async Task The_reviews_of_a_deleted_product_go_with_it()
    {
        var (product, client) = (await shop.Given.ProductAsync(), await shop.Given.ClientAsync());
        var review = await shop.Given.ReviewAsync(product.Id(), client.Id());

        await shop.Http.DeletedAsync($"/products/{product.Id()}").ShouldBeAsync(204);

        await shop.Http.GottenAsync($"/reviews/{review.Id()}").ShouldBeAsync(404);
        await shop.Http.DeletedAsync($"/reviews/{review.Id()}").ShouldBeAsync(404);
        await shop.Http.PatchAsync($"/reviews/{review.Id()}", new { rating = 1 }).ShouldBeAsync(404);
    }

    private async Task AssertRatingAsync(long productId, string? average, int count)
    {
        var product = await shop.Http.GetJsonAsync($"/products/{productId}");
        Assert.Equal((average, count), (product["rating_average"]?.ToJsonString(), (int)product["rating_count"]!));
    }
}
