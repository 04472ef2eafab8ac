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

    public bool IsError => Status is < 200 or >= 400;

    public TimeSpan Took => Answered - Asked;
}

/// <summary>
/// The guide's users, each on a connection of its own and with a short pause after each answer: three ask for a list of 20, two for a
/// product, one orders. An order is repeated under its key until it is answered, as a good client does; whoever reads goes on.
/// </summary>
public sealed class GuideTraffic : IAsyncDisposable
{
    public const int Users = 64;

    public const string Orders = "/orders";

    /// <summary>Instead of a status: the connection broke.</summary>
    public const int Broken = 0;

    /// <summary>Instead of a status: there was no answer within <see cref="Patience"/>.</summary>
    public const int Missing = -1;

    /// <summary>Nobody waits longer for an answer.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(45);

    private readonly CancellationTokenSource _stop = new();
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly ConcurrentQueue<Exchange> _exchanges = [];
    private readonly ConcurrentDictionary<string, long> _placed = [];
    private readonly IReadOnlyList<long> _products;
    private readonly IReadOnlyList<long> _buyers;
    private readonly Task _users;
    private int _connections;

    public GuideTraffic(Uri shop, IReadOnlyList<long> products, IReadOnlyList<long> buyers)
    {
        (_products, _buyers) = (products, buyers);
        _users = Task.WhenAll(Enumerable.Range(0, Users).Select(number => Task.Run(() => UseAsync(shop, number))));
    }

    public TimeSpan Now => _clock.Elapsed;

    public IReadOnlyCollection<Exchange> Exchanges => _exchanges;

    /// <summary>Orders that were answered 201, by their keys.</summary>
    public IReadOnlyDictionary<string, long> Placed => _placed;

    /// <summary>Connections that took the place of others.</summary>
    public int Reconnections => Volatile.Read(ref _connections) - Users;

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
        for (var orders = 0; !_stop.IsCancellationRequested; await PauseAsync(dice))
        {
            await (dice.Below(6) switch
            {
                < 3 => AskAsync(http, "/products?skip=0&limit=20"),
                < 5 => AskAsync(http, $"/products/{dice.Pick(_products)}"),
                _ => OrderAsync(http, dice, $"user {number} order {orders++}"),
            });
        }
    }

    private async Task OrderAsync(HttpClient http, Dice dice, string key)
    {
        var lines = Enumerable.Range(0, 1 + dice.Below(3)).Select(_ => (dice.Pick(_products), 1 + dice.Below(2)));
        var order = OrderSteps.OrderOf(dice.Pick(_buyers), [.. lines.DistinctBy(line => line.Item1)]);
        for (; ; await PauseAsync(dice))
        {
            var (status, body) = await AskAsync(http, Orders, order, key);
            if (status == 201)
            {
                _placed[key] = JsonNode.Parse(body)!.Id();
                return;
            }
            else if (status is >= 400 and < 500)
            {
                return;
            }
        }
    }

    private async Task<(int Status, string Body)> AskAsync(HttpClient http, string path, object? order = null, string? key = null)
    {
        using var request = new HttpRequestMessage(order is null ? HttpMethod.Get : HttpMethod.Post, path);
        if (order is not null)
        {
            request.Content = JsonContent.Create(order);
            request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
            request.Headers.Add("X-API-Key", ShopApp.AdminApiKey);
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
}
