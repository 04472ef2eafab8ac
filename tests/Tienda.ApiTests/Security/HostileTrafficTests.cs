using Tienda.Hosting;

namespace Tienda.ApiTests.Security;

/// <summary>Requests that two servers could read differently, and requests that are too much. After each the shop still answers.</summary>
public sealed class HostileTrafficTests(ShopApp shop)
{
    private const string Get = "GET /health/live HTTP/1.1\r\nHost: shop\r\n";
    private const string Post =
        "POST /bills HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nX-API-Key: " + ShopApp.AdminApiKey + "\r\n";
    private const string Hidden = "GET /health/live HTTP/1.1\r\nHost: shop\r\n\r\n";

    public static TheoryData<string, string> Ambiguous() => new()
    {
        { "length and chunks", Post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + Hidden },
        { "chunks and length", Post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + Hidden },
        { "two lengths", Post + "Content-Length: 0\r\nContent-Length: 45\r\n\r\n" + Hidden },
        { "two equal lengths", Post + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" },
        { "a list of lengths", Post + "Content-Length: 2, 2\r\n\r\n{}" },
        { "a negative length", Post + "Content-Length: -2\r\n\r\n{}" },
        { "a length with a plus", Post + "Content-Length: +2\r\n\r\n{}" },
        { "a hexadecimal length", Post + "Content-Length: 0x2\r\n\r\n{}" },
        { "a length beyond 64 bits", Post + "Content-Length: 18446744073709551618\r\n\r\n{}" },
        { "a length of many zeros", Post + "Content-Length: 000000000000000000000000000002\r\n\r\n{}" },
        { "an empty length", Post + "Content-Length: \r\n\r\n{}" },
        { "xchunked", Post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + Hidden },
        { "chunked, identity", Post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + Hidden },
        { "identity, chunked", Post + "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n" + Hidden },
        { "gzip, chunked", Post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + Hidden },
        { "chunked twice", Post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + Hidden },
        { "two encodings", Post + "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + Hidden },
        { "chunked with a vertical tab", Post + "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n" + Hidden },
        { "chunked in quotes", Post + "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n" + Hidden },
        { "an empty encoding", Post + "Transfer-Encoding: \r\n\r\n0\r\n\r\n" + Hidden },
        { "chunks in HTTP/1.0", Post.Replace("1.1", "1.0") + "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + Hidden },
        { "space before the colon", Post + "Content-Length : 2\r\n\r\n{}" },
        { "space before the colon of the encoding", Post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + Hidden },
        { "a folded line", Get + "X-A: b\r\n Content-Length: 45\r\n\r\n" + Hidden },
        { "a fold at the first header", "GET / HTTP/1.1\r\n X-A: b\r\nHost: shop\r\n\r\n" },
        { "LF alone everywhere", "GET / HTTP/1.1\nHost: shop\n\n" },
        { "LF alone after the request line", "GET / HTTP/1.1\nHost: shop\r\n\r\n" },
        { "LF alone after a header", Get + "X-A: b\nX-B: c\r\n\r\n" },
        { "LF alone at the end", Get + "\n" + Hidden },
        { "CR alone in a header", Get + "X-A: b\rTransfer-Encoding: chunked\r\n\r\n" },
        { "CR alone in the path", "GET /a\rb HTTP/1.1\r\nHost: shop\r\n\r\n" },
        { "NUL in a header", Get + "X-A: b\0c\r\n\r\n" },
        { "NUL in a header's name", Get + "X-\0A: b\r\n\r\n" },
        { "NUL in the path", "GET /a\0b HTTP/1.1\r\nHost: shop\r\n\r\n" },
        { "a control character in a header", Get + "X-A: b\x1f\r\n\r\n" },
        { "a header's name that is none", Get + "X(A): b\r\n\r\n" },
        { "a header without a name", Get + ": b\r\n\r\n" },
        { "a header without a colon", Get + "X-A\r\n\r\n" },
        { "no host", "GET / HTTP/1.1\r\n\r\n" },
        { "two hosts", Get + "Host: other\r\n\r\n" },
        { "a list of hosts", "GET / HTTP/1.1\r\nHost: shop, other\r\n\r\n" },
        { "a host with a path", "GET / HTTP/1.1\r\nHost: shop/other\r\n\r\n" },
        { "a target at another host", "GET http://other/ HTTP/1.1\r\nHost: shop\r\n\r\n" },
        { "no version", "GET /\r\n\r\n" },
        { "tabs in the request line", "GET\t/\tHTTP/1.1\r\nHost: shop\r\n\r\n" },
        { "a chunk of no size", Chunked("\r\n{}\r\n0\r\n\r\n") },
        { "a chunk size in letters", Chunked("zz\r\n{}\r\n0\r\n\r\n") },
        { "a negative chunk size", Chunked("-2\r\n{}\r\n0\r\n\r\n") },
        { "a chunk size with a plus", Chunked("+2\r\n{}\r\n0\r\n\r\n") },
        { "a chunk size with 0x", Chunked("0x2\r\n{}\r\n0\r\n\r\n") },
        { "a chunk size beyond 64 bits", Chunked("10000000000000002\r\n{}\r\n0\r\n\r\n") },
        { "a chunk size after a space", Chunked(" 2\r\n{}\r\n0\r\n\r\n") },
        { "a chunk longer than its size", Chunked("2\r\n{}xx\r\n0\r\n\r\n") },
        { "a chunk that ends in LF alone", Chunked("2\r\n{}\n0\r\n\r\n") },
        { "a chunk size that ends in LF alone", Chunked("2\n{}\r\n0\r\n\r\n") },
        { "a chunk extension with LF alone", Chunked("2;a\n{}\r\n0\r\n\r\n") },
        { "a chunk extension with CR alone", Chunked("2;a\rb\r\n{}\r\n0\r\n\r\n") },
        { "a last chunk with LF alone", Chunked("2\r\n{}\r\n0\n\r\n") },
    };

    [Theory]
    [MemberData(nameof(Ambiguous))]
    public async Task What_two_servers_could_read_differently_is_refused_once_and_the_connection_ends(string shape, string request)
    {
        var answer = await SendAsync(request);

        Assert.True(RawConnection.Statuses(answer) is [400], $"{shape}: {answer}");
    }

    [Theory]
    [InlineData("POST /bills")]
    [InlineData("GET /health/live")]
    [InlineData("DELETE /nothing")]
    public async Task A_request_inside_a_body_is_never_answered(string operation)
    {
        var answer = await SendAsync(
            $"{operation} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Length: {Hidden.Length}\r\n\r\n{Hidden}");

        Assert.Single(RawConnection.Statuses(answer));
    }

    [Fact]
    public async Task Chunks_with_extensions_and_trailers_are_one_body()
    {
        var answer = await SendAsync(Post + "Connection: close\r\nTransfer-Encoding: Chunked\r\n\r\n"
            + "1;name=value\r\n{\r\n1\r\n}\r\n0\r\nContent-Length: 45\r\n\r\n");

        Assert.Equal([422], RawConnection.Statuses(answer));
    }

    public static TheoryData<string, int, string> Oversized() => new()
    {
        { "path", 414, $"GET /{new string('a', ShopServer.MaximumRequestLineBytes)} HTTP/1.1\r\nHost: shop\r\n\r\n" },
        { "query", 414, $"GET /products?search={new string('a', ShopServer.MaximumRequestLineBytes)} HTTP/1.1\r\nHost: shop\r\n\r\n" },
        { "header", 431, Get + $"X-A: {new string('a', ShopServer.MaximumHeaderBytes)}\r\n\r\n" },
        { "header without an end", 431, Get + $"X-A: {new string('a', 3 * ShopServer.MaximumHeaderBytes)}" },
        { "headers", 431, Get + string.Concat(Enumerable.Range(0, ShopServer.MaximumHeaders).Select(i => $"X-{i}: a\r\n")) + "\r\n" },
        { "body", 413, Post + $"Content-Length: {ShopServer.MaximumBodyBytes + 1}\r\n\r\n" },
        { "chunked body", 413, Chunked($"{ShopServer.MaximumBodyBytes + 1:x}\r\n{new string(' ', (int)ShopServer.MaximumBodyBytes + 1)}") },
        { "depth", 400, Body($"{{\"client_id\":1,\"note\":{new string('[', 20)}{new string(']', 20)}}}") },
        { "depth of a whole body", 400, Body(new string('[', 500_000)) },
    };

    [Theory]
    [MemberData(nameof(Oversized))]
    public async Task What_is_too_large_is_refused_and_says_so_in_its_status(string what, int status, string request)
    {
        var answer = await SendAsync(request);

        Assert.True(RawConnection.Statuses(answer) is [var refused] && refused == status, $"{what}: {answer}");
    }

    [Fact]
    public async Task A_body_that_is_nested_too_deeply_is_told_how_deep_is_allowed()
    {
        // Where a type is expected, nesting ends at the type; the fields that a request may repeat without effect take anything.
        var nested = new string('[', 30) + new string(']', 30);

        var answer = await SendAsync(Body($"{{\"id_key\":{nested}}}", "/products"));

        Assert.Contains("The body is nested deeper than 16 levels.", answer, StringComparison.Ordinal);
    }

    private static string Chunked(string chunks) => Post + "Transfer-Encoding: chunked\r\n\r\n" + chunks;

    private static string Body(string json, string path = "/bills") =>
        Post.Replace("/bills", path, StringComparison.Ordinal) + $"Connection: close\r\nContent-Length: {json.Length}\r\n\r\n{json}";

    private async Task<string> SendAsync(string request)
    {
        using var connection = await RawConnection.OpenAsync(shop.Http.BaseAddress!);
        try
        {
            await connection.SendAsync(request);
        }
        catch (System.Net.Sockets.SocketException)
        {
            // The shop need not take in all of it to refuse it.
        }

        var answer = await connection.ReadToEndAsync();
        await shop.Http.GottenAsync("/health/live").ShouldBeAsync(200);
        return answer;
    }
}
