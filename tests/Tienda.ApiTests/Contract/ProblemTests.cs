using System.Net.Http.Headers;
using System.Text.RegularExpressions;
using Tienda.Http;

namespace Tienda.ApiTests.Contract;

public sealed partial class ProblemTests(ShopApp shop)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static TheoryData<string> Types() => [.. ProblemType.All.Select(t => t.Name)];

    [Theory]
    [MemberData(nameof(Types))]
    public async Task Every_type_is_explained_where_its_uri_leads(string name)
    {
        var explained = await shop.Http.GetJsonAsync($"/errors/{name}");

        Assert.Equal(name, (string)explained["name"]!);
        Assert.NotEmpty((string)explained["remedy"]!);
    }

    [Fact]
    public async Task The_page_of_errors_has_every_type_and_no_other()
    {
        var page = await File.ReadAllTextAsync(Repository.PathOf("docs/errors.md"), Ct);

        Assert.Equal(ProblemType.All.Select(t => t.Name).Order(), Heading().Matches(page).Select(m => m.Groups[1].Value).Order());
    }

    [Fact]
    public async Task A_problem_says_what_where_and_under_which_id()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/products/9223372036854775807");
        request.Headers.Add("X-Request-ID", "my-trace.1");

        using var response = await shop.Http.SendAsync(request, Ct);
        var problem = await response.JsonAsync();

        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal("my-trace.1", Assert.Single(response.Headers.GetValues("X-Request-ID")));
        Assert.Equal(
            """{"type":"/errors/not-found","title":"There is nothing here","status":404,"detail":"There is no product with id_key 9223372036854775807.","instance":"/products/9223372036854775807","request_id":"my-trace.1"}""",
            problem.ToJsonString());
    }

    [Theory]
    [InlineData("a b")]
    [InlineData("<script>")]
    public async Task A_request_id_that_is_no_plain_token_is_replaced(string id)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        request.Headers.TryAddWithoutValidation("X-Request-ID", id);

        using var response = await shop.Http.SendAsync(request, Ct);

        Assert.Matches("^[0-9a-v]{12}$", Assert.Single(response.Headers.GetValues("X-Request-ID")));
    }

    [Fact]
    public async Task A_wrong_method_names_the_right_ones()
    {
        using var response = await shop.Http.DeleteAsync("/products", Ct);

        Assert.Equal(405, (int)response.StatusCode);
        Assert.Equal(["GET", "HEAD", "POST"], response.Content.Headers.Allow.Order());
        Assert.Equal("/errors/method-not-allowed", (string)(await response.JsonAsync())["type"]!);
    }

    [Theory]
    [InlineData("application/xml", 406)]
    [InlineData("application/json;q=0", 406)]
    [InlineData("application/json", 200)]
    [InlineData("text/html, */*;q=0.8", 200)]
    [InlineData("application/*", 200)]
    public async Task Only_json_is_to_be_had(string accept, int status)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/products?limit=1");
        request.Headers.Accept.ParseAdd(accept);

        using var response = await shop.Http.SendAsync(request, Ct);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(MediaTypeHeaderValue.Parse(status == 200 ? "application/json" : "application/problem+json").MediaType,
            response.Content.Headers.ContentType!.MediaType);
    }

    [Theory]
    [InlineData("utf-8", 422)]
    [InlineData("\"UTF-8\"", 422)]
    [InlineData("utf-16", 415)]
    [InlineData("utf-7", 415)]
    [InlineData("no-such-encoding", 415)]
    public async Task A_body_is_in_utf8(string charset, int status)
    {
        using var body = new ByteArrayContent("{}"u8.ToArray());
        body.Headers.TryAddWithoutValidation("Content-Type", $"application/json; charset={charset}");

        await shop.Http.PostAsync(new Uri("/bills", UriKind.Relative), body, Ct).ShouldBeAsync(status);
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_told_the_limit()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/bills")
        {
            Content = new StringContent(new string(' ', 2 * 1024 * 1024), new MediaTypeHeaderValue("application/json")),
        };
        // Who sends without asking may find the connection closed before the answer can be read.
        request.Headers.ExpectContinue = true;

        var problem = await shop.Http.SendAsync(request, Ct).ShouldBeAsync(413);

        Assert.Equal("The body is larger than 1048576 bytes.", (string)problem["detail"]!);
    }

    [Fact]
    public async Task The_database_being_away_is_a_503_with_the_time_to_come_back()
    {
        var nowhere = shop.Postgres.Server("shop") with { Host = "/nonexistent-folder" };
        await using var app = Program.Build(new Tienda.Hosting.Settings
        {
            Port = 0,
            Postgres = nowhere,
            Log = new Tienda.Telemetry.LogSettings { Output = ShopOutput.Stream },
            JwtSecret = new string('x', 32),
            DataFolder = Path.Combine(shop.Postgres.Server("shop").Host, Guid.NewGuid().ToString()),
        });
        await app.StartAsync(Ct);
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };

        using var response = await http.GetAsync("/products", Ct);
        var health = await http.GetAsync("/health_check", Ct).ShouldBeAsync(503);

        Assert.Equal(503, (int)response.StatusCode);
        Assert.NotNull(response.Headers.RetryAfter);
        Assert.Equal("critical", (string)health["status"]!);
        await http.GetAsync("/health/live", Ct).ShouldBeAsync(200);
    }

    [Fact]
    public async Task A_full_pool_is_a_503_and_the_health_check_says_so()
    {
        var (app, http) = await ShopApp.OpenShopAsync(
            shop.Postgres.Server("shop"), s => s with { PoolSize = 1, PoolMaxOverflow = 0, PoolTimeoutSeconds = 1 });
        await using var running = app;
        using var client = http;
        var pool = (Npgsql.NpgsqlDataSource)app.Services.GetService(typeof(Npgsql.NpgsqlDataSource))!;
        await using var taken = await pool.OpenConnectionAsync(Ct);

        using var response = await http.GetAsync("/products", Ct);

        Assert.Equal(503, (int)response.StatusCode);
        Assert.Equal("/errors/unavailable", (string)(await response.JsonAsync())["type"]!);
        var health = await http.GetAsync("/health_check", Ct).ShouldBeAsync(503);
        Assert.Equal("""{"size":1,"checked_in":0,"checked_out":1,"overflow":0,"total_capacity":1,"utilization_percent":100}""",
            health["checks"]!["db_pool"]!.ToJsonString());
    }

    [Fact]
    public async Task Every_constraint_that_a_request_can_violate_has_its_problem()
    {
        await using var command = shop.Database.CreateCommand(
            """
            SELECT conname::text FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace AND contype IN ('f', 'u') AND conname NOT IN ('addresses_of_client', 'bills_number_unique',
                    'sessions_client_exists')
            """);
        await using var reader = await command.ExecuteReaderAsync(Ct);
        var names = new List<string>();
        while (await reader.ReadAsync(Ct))
        {
            names.Add(reader.GetString(0));
        }

        Assert.Empty(names.Except(ConstraintProblems.Names));
    }

    [GeneratedRegex("^## ([a-z-]+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();
}
