using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tienda.ApiTests.Contract;

/// <summary>Spoils every field of every body that the OpenAPI document describes, one at a time, and expects to be told which.</summary>
public sealed class EveryFieldTests(ShopApp shop)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static TheoryData<string> Writes() => EveryOperationTests.WithBody();

    [Theory]
    [MemberData(nameof(Writes))]
    public async Task A_spoilt_field_is_named(string operation)
    {
        var example = await Operations.Examples[operation](shop.Given);
        var schema = await SchemaOfAsync(operation);
        foreach (var (field, description) in schema["properties"]!.AsObject())
        {
            foreach (var (raw, status) in Spoilt(description!))
            {
                var body = JsonNode.Parse(JsonSerializer.Serialize(example.Body))!.AsObject();
                body[field] = "@@";
                var text = body.ToJsonString().Replace("\"@@\"", raw, StringComparison.Ordinal);

                var problem = await SendAsync(example, text);

                Assert.True((int)problem["status"]! == status, $"{operation} {field}={raw[..Math.Min(raw.Length, 40)]}: {problem.ToJsonString()}");
                Assert.Contains(field, status == 400 ? (string)problem["detail"]! : string.Join(' ', problem["errors"]!.AsObject().Select(e => e.Key)), StringComparison.Ordinal);
            }
        }
    }

    [Theory]
    [MemberData(nameof(EveryOperationTests.Creations), MemberType = typeof(EveryOperationTests))]
    public async Task Every_missing_field_is_named_at_once(string operation)
    {
        var required = (await SchemaOfAsync(operation))["required"]!.AsArray().Select(f => (string)f!);

        var problem = await SendAsync(await Operations.Examples[operation](shop.Given), "{}");

        Assert.Equal(422, (int)problem["status"]!);
        // Who acts for a client must say for which one; a client need not.
        Assert.Equal(required.Order(), problem["errors"]!.AsObject().Select(e => e.Key).Except(["client_id"]).Order());
    }

    [Theory]
    [InlineData("'; DROP TABLE products; --")]
    [InlineData("\" OR 1=1 $1 {0} %s \\ /* */")]
    [InlineData("שלום עולם ‮txt.exe")]
    [InlineData("👩‍👩‍👧‍👦 é é Ａ")]
    [InlineData("line\nbreak\ttab\u0001")]
    public async Task Text_of_any_kind_is_kept_as_it_is(string text)
    {
        var name = $"{text} {Guid.NewGuid():N}";
        var product = await shop.Http.PostAsync("/products", new { name, description = text, sku = name, price = 1, stock = 1 }).ShouldBeAsync(201);
        var category = await shop.Http.PostAsync("/categories", new { name }).ShouldBeAsync(201);
        var client = await shop.Http.PostAsync(
            "/clients", new { name, lastname = text, email = $"{Guid.NewGuid():N}@example.com", password = name }).ShouldBeAsync(201);
        var address = await shop.Http.PostAsync(
            "/addresses", new { street = name, number = "1", city = text, client_id = client.Id() }).ShouldBeAsync(201);
        var review = await shop.Http.PostAsync(
            "/reviews", new { product_id = product.Id(), client_id = client.Id(), rating = 5, comment = name }).ShouldBeAsync(201);

        Assert.Equal(name, (string)(await shop.Http.GetJsonAsync($"/products/{product.Id()}"))["name"]!);
        Assert.Equal(text, (string)(await shop.Http.GetJsonAsync($"/products/{product.Id()}"))["description"]!);
        Assert.Equal(name, (string)(await shop.Http.GetJsonAsync($"/categories/{category.Id()}"))["name"]!);
        Assert.Equal(text, (string)(await shop.Http.GetJsonAsync($"/clients/{client.Id()}"))["lastname"]!);
        Assert.Equal(name, (string)(await shop.Http.GetJsonAsync($"/addresses/{address.Id()}"))["street"]!);
        Assert.Equal(name, (string)(await shop.Http.GetJsonAsync($"/reviews/{review.Id()}"))["comment"]!);
        await shop.Http.GetAsync($"/products?search={Uri.EscapeDataString(text)}", Ct).ShouldBeAsync(200);
    }

    [Fact]
    public async Task What_is_refused_leaves_nothing_behind()
    {
        await shop.Http.PostAsync("/products", new { name = "left behind", price = 1.001m, stock = 1 }).ShouldBeAsync(422);
        await shop.Http.PostAsync("/products", new { name = "left behind", price = 1, stock = 1, category_id = long.MaxValue }).ShouldBeAsync(422);
        await shop.Http.PostAsync("/products", new { name = "left behind", price = 1, stock = 1, color = "red" }).ShouldBeAsync(400);

        await using var command = shop.Database.CreateCommand("SELECT count(*) FROM products WHERE name = 'left behind'");
        Assert.Equal(0L, await command.ExecuteScalarAsync(Ct));
    }

    private static IEnumerable<(string Raw, int Status)> Spoilt(JsonNode field)
    {
        var types = field["type"] is JsonArray several ? several.Select(t => (string)t!).ToList() : [(string)field["type"]!];
        if (types.Contains("string"))
        {
            yield return ("5", 400);
            yield return ("[]", 400);
            yield return ("\"\\ud800\"", 400);
            yield return ("\"long enough \\u0000 for all\"", 422);
            yield return ($"\"{new string('x', 5000)}\"", 422);
        }
        else if (types.Contains("integer"))
        {
            yield return ("\"1\"", 400);
            yield return ("1.5", 400);
            yield return ("9223372036854775808", 400);
            yield return ("true", 400);
            yield return (((decimal)field["minimum"]! - 1).ToString(System.Globalization.CultureInfo.InvariantCulture), (decimal)field["minimum"]! == long.MinValue ? 400 : 422);
            if ((decimal)field["maximum"]! < long.MaxValue)
            {
                yield return (((decimal)field["maximum"]! + 1).ToString(System.Globalization.CultureInfo.InvariantCulture), 422);
            }
        }
        else if (types.Contains("number"))
        {
            yield return ("\"1\"", 400);
            yield return ("1e400", 400);
            yield return ("-1", 422);
            yield return ("1.234", 422);
            yield return ("99999999999999999", 422);
        }
        else if (types.Contains("boolean"))
        {
            yield return ("1", 400);
            yield return ("\"true\"", 400);
        }
        else
        {
            yield return ("{}", 400);
            yield return ("[]", 422);
        }

        if (!types.Contains("null"))
        {
            yield return ("null", 422);
        }
    }

    private async Task<JsonNode> SendAsync(Example example, string body)
    {
        using var request = new HttpRequestMessage(new HttpMethod(example.Method), example.Path)
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        using var response = await shop.Http.SendAsync(request, Ct);
        var answer = await response.JsonAsync();
        answer["status"] ??= (int)response.StatusCode;
        return answer;
    }

    private async Task<JsonNode> SchemaOfAsync(string operation)
    {
        var document = await shop.Http.GetJsonAsync("/openapi.json");
        var found = document["paths"]!.AsObject().SelectMany(p => p.Value!.AsObject())
            .Single(o => (string)o.Value!["operationId"]! == operation).Value!;
        var name = ((string)found["requestBody"]!["content"]!["application/json"]!["schema"]!["$ref"]!).Split('/')[^1];
        return document["components"]!["schemas"]![name]!;
    }
}
