using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Tienda.ApiTests.Data;
using Tienda.ApiTests.Products;
using Tienda.ApiTests.Security;
using Tienda.Hosting;

namespace Tienda.ApiTests.Hosting;

/// <summary>The shop behind nginx as it is installed (deploy/nginx/tienda.conf).</summary>
public sealed class ProxyTests(ShopApp shop)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("br", "br")]
    [InlineData("gzip", "gzip")]
    [InlineData("identity", null)]
    public async Task Answers_come_through_as_the_shop_has_made_them(string accepted, string? encoding)
    {
        await using var nginx = await TestNginx.StartAsync(shop.Http.BaseAddress!);
        using var http = new HttpClient { BaseAddress = nginx.Address };
        for (var i = 0; i < 4; i++)
        {
            await new Given(shop.Http).ProductAsync();
        }

        using var direct = await AskAsync(shop.Anonymous, "/products?limit=3", accepted);
        using var behind = await AskAsync(http, "/products?limit=3", accepted);
        Assert.Equal(encoding, behind.Content.Headers.ContentEncoding.SingleOrDefault());
        Assert.Equal(await direct.Content.ReadAsByteArrayAsync(Ct), await behind.Content.ReadAsByteArrayAsync(Ct));
        Assert.Equal(direct.Headers.ETag, behind.Headers.ETag);
        Assert.Equal(direct.Headers.GetValues("Link"), behind.Headers.GetValues("Link"));

        using var refused = await http.GetAsync(new Uri("/products/none", UriKind.Relative), Ct);
        Assert.Equal(HttpStatusCode.NotFound, refused.StatusCode);
        Assert.Equal("application/problem+json", refused.Content.Headers.ContentType!.MediaType);
    }

    [Theory]
    [InlineData("/metrics")]
    [InlineData("/metrics/")]
    [InlineData("/METRICS")]
    [InlineData("//metrics")]
    [InlineData("/%6Detrics")]
    [InlineData("/metrics?worker=1")]
    [InlineData("/products/../metrics")]
    [InlineData("/metrics/x")]
    public async Task The_figures_of_the_shop_are_not_for_outside(string path)
    {
        await using var nginx = await TestNginx.StartAsync(shop.Http.BaseAddress!);
        using var connection = await RawConnection.OpenAsync(nginx.Address);

        // As it is, which a client library would not leave it.
        await connection.SendAsync(
            $"GET {path} HTTP/1.1\r\nHost: shop\r\nX-API-Key: {ShopApp.AdminApiKey}\r\nConnection: close\r\n\r\n");

        Assert.Equal([404], RawConnection.Statuses(await connection.ReadToEndAsync()));
        Assert.Equal(200, (int)(await shop.Http.GottenAsync("/metrics")).StatusCode);
    }

    [Fact]
    public async Task A_file_that_is_larger_than_any_other_body_comes_through()
    {
        await using var nginx = await TestNginx.StartAsync(shop.Http.BaseAddress!);
        using var http = ShopApp.AsAdministrator(new HttpClient { BaseAddress = nginx.Address });
        var line = $"Lamp,1,1,{new string('d', 4000)}\n";
        var file = "name,price,stock,description\n" + string.Concat(Enumerable.Repeat(line, 1500));

        var import = await http.ImportAsync(file, query: "?dry_run=true").ShouldBeAsync(200);

        Assert.Equal(1500, (int)import["created"]!);
    }

    [Fact]
    public async Task Connections_to_the_shop_are_kept()
    {
        await using var wire = new UpstreamWire(shop.Http.BaseAddress!);
        await using var nginx = await TestNginx.StartAsync(wire.Address);

        for (var i = 0; i < 40; i++)
        {
            using var everyTimeAnother = new HttpClient { BaseAddress = nginx.Address };
            await everyTimeAnother.GottenAsync("/health/live").ShouldBeAsync(200);
        }

        Assert.Equal(1, wire.Connections);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_read_whose_answer_is_lost_is_asked_again_and_a_write_is_not(bool onKeptConnections)
    {
        await using var own = await OwnShop.OpenAsync(shop);
        await using var wire = new UpstreamWire(own.Http.BaseAddress!);
        await using var nginx = await TestNginx.StartAsync(wire.Address);
        using var http = ShopApp.AsAdministrator(new HttpClient { BaseAddress = nginx.Address });
        var made = await own.Given.ProductAsync(stock: 5);
        await WarmAsync();

        wire.LoseAnswers(1);
        await http.GottenAsync("/products?limit=1").ShouldBeAsync(200);

        await WarmAsync();
        wire.LoseAnswers(1);
        var name = Given.Unique("Once");
        await http.PostAsync("/products", new { name, price = 1, stock = 1 }).ShouldBeAsync(503);
        Assert.Equal(1, await own.Database.ValueAsync<long>($"SELECT count(*) FROM products WHERE name = '{name}'"));

        foreach (var method in new[] { HttpMethod.Patch, HttpMethod.Put, HttpMethod.Delete })
        {
            await WarmAsync();
            wire.LoseAnswers(1);
            var before = wire.Requests;
            using var write = new HttpRequestMessage(method, $"/products/{made.Id()}");
            write.Content = method == HttpMethod.Delete ? null : JsonContent.Create(new { stock_change = 6 });
            await http.SendAsync(write, Ct).ShouldBeAsync(503);
            Assert.Equal(before + 1, wire.Requests);
        }

        async Task WarmAsync()
        {
            if (onKeptConnections)
            {
                await http.GottenAsync("/health/live").ShouldBeAsync(200);
            }
        }
    }

    [Fact]
    public async Task A_worker_that_is_killed_costs_no_reader_an_answer()
    {
        await using var own = await SupervisedShop.OpenAsync(shop, workers: 2);
        await using var nginx = await TestNginx.StartAsync(own.Url);
        await using var busy = BusyConnections.Start(nginx.Address, "/products?limit=1", 32);
        await Eventually.HoldsAsync(() => busy.Answered > 500);

        await TiendaProgram.SignalAsync("KILL", own.Workers[1]);
        await own.SaysAsync("another one takes its place");
        var until = busy.Answered + 500;
        await Eventually.HoldsAsync(() => busy.Answered > until);
        await busy.StopAsync();

        Assert.Empty(busy.Losses);
    }

    [Fact]
    public async Task While_the_shop_is_away_that_is_said_as_the_shop_would_say_it()
    {
        using var nobody = new TcpListener(IPAddress.Loopback, 0);
        nobody.Start();
        var address = new Uri($"http://{nobody.LocalEndpoint}");
        nobody.Stop();
        await using var nginx = await TestNginx.StartAsync(address);
        using var http = new HttpClient { BaseAddress = nginx.Address };

        using var answer = await http.GottenAsync("/products");
        Assert.Equal(503, (int)answer.StatusCode);
        Assert.NotNull(answer.Headers.RetryAfter);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
        var problem = await answer.JsonAsync();
        Assert.Equal(("/errors/unavailable", 503, "The shop is not available for a moment"),
            ((string)problem["type"]!, (int)problem["status"]!, (string)problem["title"]!));
    }

    [Fact]
    public async Task Limits_are_those_of_the_client_and_not_of_nginx()
    {
        await using var own = await OwnShop.OpenAsync(shop, s => s with
        {
            RateLimitEnabled = true,
            RateLimitCalls = 5,
            FrontDoor = new FrontDoor { TrustedProxies = [IPNetwork.Parse("127.0.0.1/32")] },
        });
        await using var nginx = await TestNginx.StartAsync(own.Http.BaseAddress!);
        using var one = ClientAt.Address("127.0.0.2", nginx.Address);
        using var other = ClientAt.Address("127.0.0.3", nginx.Address);

        var statuses = new List<int>();
        for (var i = 0; i < 7; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/products?limit=1");
            request.Headers.Add("X-Forwarded-For", $"203.0.113.{i}");
            statuses.Add((int)(await one.SendAsync(request, Ct)).StatusCode);
        }

        Assert.Equal([200, 200, 200, 200, 200, 429, 429], statuses);
        await other.GottenAsync("/products?limit=1").ShouldBeAsync(200);
    }

    [Fact]
    public async Task Four_hundred_users_behind_one_address_are_all_answered()
    {
        await using var nginx = await TestNginx.StartAsync(shop.Http.BaseAddress!);
        await using var users = BusyConnections.Start(nginx.Address, "/products?limit=1", 400);

        await Eventually.HoldsAsync(() => users.Answered > 2000, TimeSpan.FromSeconds(40));
        await users.StopAsync();

        Assert.Empty(users.Losses);
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task With_the_tls_block_made_live_the_shop_speaks_of_itself_as_https(string version)
    {
        await using var nginx = await TestNginx.StartAsync(shop.Http.BaseAddress!, tls: true);
        var presented = X509Certificate2.CreateFromPemFile(nginx.CertificatePath, nginx.KeyPath);
        using var handler = new HttpClientHandler
        {
            ServerCertificateCustomValidationCallback = (_, certificate, _, _) => certificate!.Thumbprint == presented.Thumbprint,
            AllowAutoRedirect = false,
        };
        using var http = ShopApp.AsAdministrator(new HttpClient(handler)
        {
            BaseAddress = nginx.SecureAddress,
            DefaultRequestVersion = Version.Parse(version),
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        });

        using var made = await http.PostAsync("/products", new { name = Given.Unique("Safe"), price = 1, stock = 1 });
        Assert.Equal(201, (int)made.StatusCode);
        Assert.Equal("max-age=31536000", made.Headers.GetValues("Strict-Transport-Security").Single());
        // X-Forwarded-Proto and the Host header as they came in: the address is one that can be followed.
        Assert.Equal(nginx.SecureAddress!.GetLeftPart(UriPartial.Authority), made.Headers.Location!.GetLeftPart(UriPartial.Authority));
        Assert.Equal(200, (int)(await http.GetAsync(made.Headers.Location, Ct)).StatusCode);

        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(nginx.Address, "/products?limit=1")) { Version = HttpVersion.Version11 };
        using var plain = await http.SendAsync(request, Ct);
        Assert.Equal(308, (int)plain.StatusCode);
        Assert.Equal(new Uri(nginx.SecureAddress, "/products?limit=1"), plain.Headers.Location);
    }

    private static async Task<HttpResponseMessage> AskAsync(HttpClient http, string path, string accepted)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.AcceptEncoding.ParseAdd(accepted);
        return await http.SendAsync(request, Ct);
    }
}
