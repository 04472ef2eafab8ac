using System.Net;
using Microsoft.AspNetCore.Http;
using Tienda.Hosting;

namespace Tienda.UnitTests.Hosting;

public sealed class FrontDoorTests
{
    [Theory]
    [InlineData("10.0.0.1", "203.0.113.7", "203.0.113.7")]
    [InlineData("10.0.0.1", "203.0.113.7, 198.51.100.2, 10.0.0.2", "198.51.100.2")]
    [InlineData("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3")]
    [InlineData("10.0.0.1", "203.0.113.7, nonsense, 10.0.0.2", "10.0.0.2")]
    [InlineData("10.0.0.1", "203.0.113.7,", "10.0.0.1")]
    [InlineData("10.0.0.1", "", "10.0.0.1")]
    [InlineData("10.0.0.1", "\"203.0.113.7, 198.51.100.2", "198.51.100.2")]
    [InlineData("10.0.0.1", "198.51.100.2:4711", "198.51.100.2")]
    [InlineData("10.0.0.1", "2001:db8::7", "2001:db8::7")]
    [InlineData("10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7")]
    [InlineData("10.0.0.1", "[2001:db8::7]", "2001:db8::7")]
    [InlineData("10.0.0.1", "::ffff:198.51.100.2", "198.51.100.2")]
    [InlineData("10.0.0.1", "203.0.113.7, ::ffff:10.0.0.2", "203.0.113.7")]
    [InlineData("10.0.0.1", "010.0.0.1", "10.0.0.1")]
    [InlineData("10.0.0.1", "203.0.113.7, 0xa.2", "10.0.0.1")]
    [InlineData("10.0.0.1", "203.0.113.7, 198.51.100.2:99999", "10.0.0.1")]
    [InlineData("10.0.0.1", "fe80::1%eth0", "10.0.0.1")]
    [InlineData("::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7")]
    [InlineData("::ffff:198.51.100.2", "203.0.113.7", "198.51.100.2")]
    [InlineData("198.51.100.2", "203.0.113.7", "198.51.100.2")]
    public async Task The_client_is_the_right_most_hop_that_is_no_trusted_proxy(string peer, string header, string client)
    {
        var context = await PassAsync(peer, header, "https");

        Assert.Equal(client, context.Connection.RemoteIpAddress!.ToString());
    }

    [Theory]
    [InlineData("10.0.0.1", "203.0.113.7", "https", "https")]
    [InlineData("10.0.0.1", "203.0.113.7", "http, https", "https")]
    [InlineData("10.0.0.1", "203.0.113.7, 10.0.0.2", "https, http", "https")]
    [InlineData("10.0.0.1", "203.0.113.7", "javascript", "http")]
    [InlineData("198.51.100.2", "203.0.113.7", "https", "http")]
    public async Task The_scheme_is_the_one_that_the_outermost_trusted_proxy_saw(string peer, string hops, string schemes, string scheme)
    {
        var context = await PassAsync(peer, hops, schemes);

        Assert.Equal(scheme, context.Request.Scheme);
    }

    [Fact]
    public async Task A_request_over_a_unix_socket_has_no_address_and_gets_none()
    {
        var context = await PassAsync(null, "203.0.113.7", "https");

        Assert.Null(context.Connection.RemoteIpAddress);
        Assert.Equal("http", context.Request.Scheme);
    }

    [Theory]
    [InlineData("TRUSTED_PROXIES", "10.0.0.0/8,proxy", "'proxy'")]
    [InlineData("TRUSTED_PROXIES", "10.0.0.1/8", "'10.0.0.1/8'")]
    [InlineData("TRUSTED_PROXIES", "10.0.0.0/33", "'10.0.0.0/33'")]
    [InlineData("TRUSTED_PROXIES", "10.1", "'10.1'")]
    [InlineData("TRUSTED_PROXIES", "none,10.0.0.1", "'none'")]
    [InlineData("TRUSTED_PROXIES", "*", "'*'")]
    [InlineData("CORS_ORIGINS", "https://shop.example,shop.example", "'shop.example'")]
    [InlineData("CORS_ORIGINS", "https://shop.example/", "'https://shop.example/'")]
    [InlineData("CORS_ORIGINS", "https://shop.example/app", "'https://shop.example/app'")]
    [InlineData("CORS_ORIGINS", "https://shop.example:443", "'https://shop.example:443'")]
    [InlineData("CORS_ORIGINS", "https://Shop.example", "'https://Shop.example'")]
    [InlineData("CORS_ORIGINS", "https://user@shop.example", "'https://user@shop.example'")]
    [InlineData("CORS_ORIGINS", "https://*.shop.example", "'https://*.shop.example'")]
    [InlineData("CORS_ORIGINS", "null", "'null'")]
    [InlineData("CORS_ORIGINS", "*,https://shop.example", "'*'")]
    [InlineData("CORS_ORIGINS", "https://shop.example,", "''")]
    [InlineData("LIMIT_CONCURRENCY", "0", "whole number")]
    [InlineData("TIMEOUT_KEEP_ALIVE", "never", "whole number")]
    [InlineData("BACKLOG", "-1", "whole number")]
    public void A_part_that_is_wrong_is_named(string name, string value, string named)
    {
        var mistake = Assert.Throws<SettingsException>(() => Read(name, value)).Message;

        Assert.StartsWith($"{name}={value} (environment): accepted is ", mistake, StringComparison.Ordinal);
        Assert.Contains(named, mistake, StringComparison.Ordinal);
    }

    [Fact]
    public void Lists_may_have_spaces_and_both_kinds_of_address()
    {
        Assert.Equal(["10.0.0.1/32", "2001:db8::/32", "::1/128"],
            Read("TRUSTED_PROXIES", "10.0.0.1, 2001:db8::/32, ::1").TrustedProxies.Select(network => network.ToString()));
        Assert.Equal(["https://shop.example", "http://localhost:3000", "http://[::1]:8080"],
            Read("CORS_ORIGINS", "https://shop.example, http://localhost:3000,http://[::1]:8080").CorsOrigins);
        Assert.Empty(Read("TRUSTED_PROXIES", "none").TrustedProxies);
        Assert.Equal(["127.0.0.0/8", "::1/128"], Read("PORT", "1").TrustedProxies.Select(network => network.ToString()));
    }

    private static FrontDoor Read(string name, string value) =>
        Settings.Read(new SettingsReader([new SettingsSource("environment", new Dictionary<string, string> { [name] = value })])).FrontDoor;

    private static async Task<HttpContext> PassAsync(string? peer, string hops, string schemes)
    {
        var context = new DefaultHttpContext();
        context.Request.Scheme = "http";
        context.Connection.RemoteIpAddress = peer is null ? null : IPAddress.Parse(peer);
        context.Request.Headers["X-Forwarded-For"] = hops;
        context.Request.Headers["X-Forwarded-Proto"] = schemes;
        var settings = new Settings { FrontDoor = new FrontDoor { TrustedProxies = [IPNetwork.Parse("10.0.0.0/8")] } };
        await new ClientAddress(_ => Task.CompletedTask, settings).InvokeAsync(context);
        return context;
    }
}
