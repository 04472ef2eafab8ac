using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Tienda.ApiTests.Fuzz;
using Tienda.ApiTests.Orders;

namespace Tienda.ApiTests.Outages;

/// <summary>One request and what came of it.</summary>
/// <param name="Path">As it was asked for.</param>
/// <param name="Asked">When it was sent, since the traffic began.</param>
/// <param name="Answered">When it was answered or had failed.</param>
/// <param name="Status">Of the answer, or one of the two of <see cref="GuideTraffic"/> that are none.</param>
/// <param name="IsStale">Marked as an old answer.</param>
/// <param name="SaysWhen">Whether it has Retry-After.</param>
public sealed record Exchange(string Path, TimeSpan Asked, TimeSpan Answered, int Status, bool IsStale, bool SaysWhen)
{
    public bool IsOrder => Path == GuideTraffic.Orders;

    /// <summary>Whether it asks for what may be in the cache.</summary>
    public bool IsCached => Path.StartsWith("/products", StringComparison.Ordinal);

    public bool IsError => Status is < 200 or >= 400;

    public TimeSpan Took => Answered - Asked;
}

/// <summary>
/// The guide's users, each on a connection of its own and with a short pause after each answer: three ask for a list of 20, two for a
/// product, one orders. An order that fails is repeated under its key whenever its user would order, until it is answered; whoever reads
/// goes on. Beside them a few clerks may look at orders, which are never cached, so that the database is read all the time.
/// </summary>
public sealed class GuideTraffic : IAsyncDisposable
{
    public const int Users = 64;

    public const int Clerks = 8;

    public const string Orders = "/orders";

    /// <summary>Instead of a status: the connection broke.</summary>
    public const int Broken = 0;

    /// <summary>Instead of a status: there was no answer within <see cref="Patience"/>.</summary>
    public const int Missing = -1;

    /// <summary>Nobody waits longer for an answer.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(45);

    // What is thrown with the dice, and what is not.
    private const int Ordering = 5;
    private const int Looking = 6;

    private readonly CancellationTokenSource _stop = new();
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly ConcurrentQueue<Exchange> _exchanges = [];
    private readonly ConcurrentDictionary<string, long> _placed = [];
    private readonly IReadOnlyList<long> _products;
    private readonly IReadOnlyList<long> _buyers;
    private readonly Task _users;
    private readonly int _all;
    private int _connections;

    public GuideTraffic(Uri shop, IReadOnlyList<long> products, IReadOnlyList<long> buyers, bool clerks)
    {
        (_products, _buyers, _all) = (products, buyers, clerks ? Users + Clerks : Users);
        _users = Task.WhenAll(Enumerable.Range(0, _all).Select(number => Task.Run(() => UseAsync(shop, number))));
    }

    /// <summary>What the keys of all orders begin with.</summary>
    public string Name { get; } = Guid.NewGuid().ToString("N");

    public TimeSpan Now => _clock.Elapsed;

    public IReadOnlyCollection<Exchange> Exchanges => _exchanges;

    /// <summary>Orders that were answered 201, by their keys.</summary>
    public IReadOnlyDictionary<string, long> Placed => _placed;

    /// <summary>Connections that took the place of others.</summary>
    public int Reconnections => Volatile.Read(ref _connections) - _all;

    /// <summary>Begins nothing new. Every order is answered when this ends.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _users.WaitAsync(2 * Patience);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private async Task UseAsync(Uri shop, int number)
    {
        using var connection = new SocketsHttpHandler { MaxConnectionsPerServer = 1, ConnectCallback = ConnectAsync };
        using var http = new HttpClient(connection) { BaseAddress = shop, Timeout = Patience };
        var dice = new Dice((ulong)number);
        await Task.Delay(dice.Below(300));
        OpenOrder? open = null;
        for (var orders = 0; !_stop.IsCancellationRequested || open is not null; await PauseAsync(dice))
        {
            switch (number >= Users ? Looking : _stop.IsCancellationRequested ? Ordering : dice.Below(Looking))
            {
                case Looking:
                    await AskAsync(http, $"{Orders}?limit=5");
                    break;
                case < 3:
                    await AskAsync(http, "/products?skip=0&limit=20");
                    break;
                case < Ordering:
                    await AskAsync(http, $"/products/{dice.Pick(_products)}");
                    break;
                default:
                    open = await OrderAsync(http, open ?? NewOrder(dice, $"{Name} user {number} order {orders++}"));
                    break;
            }
        }
    }

    private async Task<OpenOrder?> OrderAsync(HttpClient http, OpenOrder order)
    {
        var (status, body) = await AskAsync(http, Orders, order.Body, order.Key);
        if (status == 201)
        {
            _placed[order.Key] = JsonNode.Parse(body)!.Id();
        }

        return status is >= 200 and < 500 ? null : order;
    }

    private OpenOrder NewOrder(Dice dice, string key)
    {
        var lines = Enumerable.Range(0, 1 + dice.Below(3)).Select(_ => (dice.Pick(_products), 1 + dice.Below(2)));
        return new OpenOrder(key, OrderSteps.OrderOf(dice.Pick(_buyers), [.. lines.DistinctBy(line => line.Item1)]));
    }

    private async Task<(int Status, string Body)> AskAsync(HttpClient http, string path, object? order = null, string? key = null)
    {
        using var request = new HttpRequestMessage(order is null ? HttpMethod.Get : HttpMethod.Post, path);
        if (path.StartsWith(Orders, StringComparison.Ordinal))
        {
            request.Headers.Add("X-API-Key", ShopApp.AdminApiKey);
        }

        if (order is not null)
        {
            request.Content = JsonContent.Create(order);
            request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        }

        var (asked, status, body, isStale, saysWhen) = (Now, Broken, "", false, false);
        try
        {
            using var answer = await http.SendAsync(request);
            (status, body) = ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync());
            isStale = answer.Headers.Age is not null && answer.Headers.Warning.Any(warning => warning.Code == 110);
            saysWhen = answer.Headers.RetryAfter is not null;
        }
        catch (HttpRequestException)
        {
            status = Broken;
        }
        catch (TaskCanceledException)
        {
            status = Missing;
        }

        _exchanges.Enqueue(new Exchange(path, asked, Now, status, isStale, saysWhen));
        return (status, body);
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken ct)
    {
        Interlocked.Increment(ref _connections);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(context.DnsEndPoint, ct);
        return new NetworkStream(socket, ownsSocket: true);
    }

    private static Task PauseAsync(Dice dice) => Task.Delay(100 + dice.Below(200));

    /// <summary>An order that was not answered yet.</summary>
    private sealed record OpenOrder(string Key, object Body);
}
