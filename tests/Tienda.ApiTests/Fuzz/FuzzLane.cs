using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Tienda.ApiTests.Fuzz;

/// <summary>An operation of the document.</summary>
public sealed record FuzzOperation(string Id, string Method, string Path, JsonNode Description)
{
    public string Resource => Path.Split('/')[1];

    public bool NeedsCredentials => Description["security"] is not null;
}

/// <summary>Somebody who sends requests.</summary>
/// <param name="ClientId">The client, or null for a stranger or an administrator.</param>
public sealed record FuzzCaller(string Name, long? ClientId, HttpClient Http);

/// <summary>One of several senders at once. Its requests follow from its seed, as far as the ids do that others' answers told.</summary>
/// <param name="tellState">What the database and this process are at, for a request that was not answered.</param>
public sealed partial class FuzzLane(
    ulong seed, IReadOnlyList<FuzzOperation> operations, IReadOnlyList<FuzzCaller> callers, FuzzValues values, FuzzPool pool,
    ConcurrentDictionary<(string Operation, int Status), int> seen, Func<Task<string>> tellState)
{
    // What routing and the server may say to any request that is odd enough.
    private static readonly int[] AlwaysPossible = [400, 404, 405, 406, 413, 414, 415, 431];

    private static readonly string[] OddPathIds = ["0", "-1", "9223372036854775807", "9223372036854775808", "abc", "1.5", "%20", "1%00", "١"];
    private readonly Dice _dice = new(seed);

    public async Task RunAsync(int requests, CancellationToken stop)
    {
        for (var number = 0; number < requests && !stop.IsCancellationRequested; number++)
        {
            var operation = _dice.Pick(operations);
            var caller = _dice.Pick(callers);
            var path = Path(operation);
            var body = operation.Description["requestBody"]?["content"]?["application/json"]?["schema"] is { } schema
                ? values.Body(schema, caller.ClientId is null, _dice)
                : operation.Id == "ImportProducts" ? FuzzValues.File(_dice) : null;
            var method = _dice.Chance(3) ? _dice.Pick(["HEAD", "OPTIONS", "TRACE", "BREW", "PUT", "DELETE"]) : operation.Method;
            var shown = $"seed {seed} request {number}: {caller.Name} {method} {path} {body}";
            using var request = new HttpRequestMessage(new HttpMethod(method), path);
            if (body is not null)
            {
                request.Content = new StringContent(body, Encoding.UTF8);
                request.Content.Headers.ContentType = null;
                request.Content.Headers.TryAddWithoutValidation(
                    "Content-Type", _dice.Chance(96) ? operation.Id == "ImportProducts" ? "text/csv" : "application/json" : _dice.Pick(["text/plain", "application/json; charset=utf-16", "x", ""]));
            }

            AddOddHeaders(request.Headers);
            try
            {
                using var response = await caller.Http.SendAsync(request, CancellationToken.None);
                var text = await response.Content.ReadAsStringAsync(CancellationToken.None);
                Check(operation, caller, method, request, response, text, shown);
            }
            catch (Exception broken) when (broken is HttpRequestException or TaskCanceledException or JsonException)
            {
                Assert.Fail($"{shown}\n{broken.Message}\n{await tellState()}");
            }
        }
    }

    private string Path(FuzzOperation operation)
    {
        var path = operation.Path;
        if (path.Contains("{id_key}", StringComparison.Ordinal))
        {
            var id = pool.Pick(_dice.Chance(92) ? operation.Resource : "orders", _dice);
            // The stock of these is what the books are checked by.
            var isKept = operation.Resource == "products" && operation.Method is not "GET" && pool.IsForSale(id);
            path = path.Replace("{id_key}", _dice.Chance(6) || isKept ? _dice.Pick(OddPathIds) : $"{id}", StringComparison.Ordinal);
        }

        path = path.Replace("{name}", _dice.Pick(["duplicate", "nothing", "%00", "a%2fb"]), StringComparison.Ordinal);
        var query = (operation.Description["parameters"]?.AsArray() ?? [])
            .Where(p => (string)p!["in"]! == "query" && _dice.Chance(25))
            .Select(p => $"{p!["name"]}={values.Query((string)p["name"]!, p["schema"]!, _dice)}")
            .ToList();
        if (_dice.Chance(3))
        {
            query.Add("unknown=1");
        }

        return query.Count == 0 ? path : $"{path}?{string.Join('&', query)}";
    }

    private void AddOddHeaders(HttpRequestHeaders headers)
    {
        if (_dice.Chance(5))
        {
            headers.TryAddWithoutValidation("X-Request-ID", _dice.Pick(["a b", "<x>", new string('i', 500), "ok-1"]));
        }

        if (_dice.Chance(3))
        {
            headers.TryAddWithoutValidation("Accept", _dice.Pick(["application/xml", "*/*", "garbage", "application/json;q=0", "a/b/c"]));
        }

        if (_dice.Chance(15))
        {
            headers.TryAddWithoutValidation("Idempotency-Key", _dice.Chance(90) ? $"key {_dice.Below(40)}" : _dice.Pick(["", "\"quoted\"", new string('k', 256)]));
        }

        if (_dice.Chance(5))
        {
            headers.TryAddWithoutValidation(
                _dice.Pick(["If-Match", "If-None-Match", "X-Forwarded-For", "Range", "Forwarded"]),
                _dice.Pick(["*", "\"x\"", "W/\"1\"", "bytes=0-1", "1.2.3.4, ,", new string('k', 300)]));
        }
    }

    private void Check(
        FuzzOperation operation, FuzzCaller caller, string method, HttpRequestMessage request, HttpResponseMessage response, string text,
        string shown)
    {
        var status = (int)response.StatusCode;
        var told = $"{shown}\nanswered {status} {text}";
        seen.AddOrUpdate((operation.Id, status), 1, (_, count) => count + 1);
        Assert.True(status is < 500 or 503, told);
        Assert.True(status != 503 || response.Headers.RetryAfter is not null || operation.Id == "CheckHealth", told);
        Assert.DoesNotMatch(Inside(), text);
        if (method != operation.Method)
        {
            return;
        }

        Assert.True(AlwaysPossible.Contains(status) || operation.Description["responses"]![$"{status}"] is not null, told);
        if (status >= 400 && text.Length > 0 && response.Content.Headers.ContentType?.MediaType != "application/json")
        {
            var problem = JsonNode.Parse(text)!;
            Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
            Assert.All(["type", "title", "status", "detail", "instance", "request_id"], field => Assert.True(problem[field] is not null, told));
            Assert.Equal(status, (int)problem["status"]!);
        }

        if (status is >= 200 and < 300 && text.Length > 0)
        {
            Assert.True(caller.Name != "stranger" || !operation.NeedsCredentials, told);
            if (response.Content.Headers.ContentType?.MediaType == "application/json")
            {
                Learn(operation, caller, JsonNode.Parse(text)!, told);
            }
        }
    }

    private void Learn(FuzzOperation operation, FuzzCaller caller, JsonNode answer, string told)
    {
        var records = answer as JsonArray ?? [answer.DeepClone()];
        Assert.True(records.Count <= 1000, told);
        var listed = operation.Path.Replace("/me", "", StringComparison.Ordinal).Split('/').LastOrDefault(part => part.Length > 0 && part[0] != '{' && part != "void", "");
        foreach (var record in records.OfType<JsonObject>().Where(r => r.ContainsKey("id_key")))
        {
            // Only administrators learn of what they may change and others may not see.
            if (caller.ClientId is { } own && operation.NeedsCredentials)
            {
                Assert.True((long?)record["client_id"] is null || (long)record["client_id"]! == own, told);
                Assert.True(listed != "clients" || record.Id() == own, told);
            }

            var isCallersOwn = listed == "clients" && callers.Any(c => c.ClientId == record.Id());
            if (!isCallersOwn && !(listed == "products" && pool.IsForSale(record.Id())))
            {
                pool.Add(listed, record.Id());
            }
        }
    }

    [GeneratedRegex("Npgsql|   at [A-Z]|AQAAAA|fuzzed password|System\\.[A-Z]")]
    private static partial Regex Inside();
}
