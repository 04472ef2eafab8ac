using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Tienda.ApiTests.Outages;

/// <summary>
/// A network between the shop and a server. It can be cut so that neither side hears of it: nothing is delivered and nothing refused, and
/// after a few who get no answer new connections are not even taken.
/// </summary>
public sealed class Wire : IAsyncDisposable
{
    private const int Queue = 256;

    private readonly CancellationTokenSource _stop = new();
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly EndPoint _server;
    // All of them, since one that nobody knows would be closed by the garbage collector.
    private readonly ConcurrentBag<Socket> _clients = [];
    private volatile Network _network = new();
    private volatile byte[]? _last;

    public Wire(EndPoint server)
    {
        _server = server;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(Queue);
        _ = AcceptAsync();
    }

    /// <summary>The port of 127.0.0.1 to give as the server's.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    public bool IsCut => !_network.IsUp;

    public void Cut()
    {
        _listener.Listen(0);
        _network.IsUp = false;
    }

    /// <summary>Cuts it as soon as the shop says this.</summary>
    public void CutAt(string text) => _last = Encoding.ASCII.GetBytes(text);

    public void Restore()
    {
        _network.IsUp = true;
        _listener.Listen(Queue);
    }

    /// <summary>
    /// Only for new connections. What is said on those of before is heard by nobody, as behind a firewall that has forgotten them, or when
    /// another server has taken the address; to the old server they have ended.
    /// </summary>
    public void RestoreForNewConnections()
    {
        var before = _network;
        _network = new Network();
        before.Forget();
        _listener.Listen(Queue);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        foreach (var client in _clients)
        {
            client.Dispose();
        }
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            var client = await _listener.AcceptAsync(_stop.Token);
            client.NoDelay = true;
            _clients.Add(client);
            _ = CarryAsync(client, _network);
        }
    }

    private async Task CarryAsync(Socket client, Network network)
    {
        try
        {
            using var server = new Socket(_server.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
            using var end = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token, network.Forgotten);
            await network.CarriesAsync(end.Token);
            await server.ConnectAsync(_server, end.Token);
            await await Task.WhenAny(
                ForwardAsync(client, server, network, Hear, end.Token),
                ForwardAsync(server, client, network, _ => { }, end.Token));
            client.Dispose();
        }
        catch (Exception ended) when (ended is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            if (!network.Forgotten.IsCancellationRequested)
            {
                client.Dispose();
            }
        }
    }

    private void Hear(ReadOnlySpan<byte> said)
    {
        if (_last is { } last && said.IndexOf(last) >= 0)
        {
            _last = null;
            Cut();
        }
    }

    private static async Task ForwardAsync(Socket from, Socket to, Network network, Action<ReadOnlySpan<byte>> hear, CancellationToken ct)
    {
        var buffer = new byte[64 * 1024];
        int length;
        do
        {
            length = await from.ReceiveAsync(buffer, ct);
            hear(buffer.AsSpan(0, length));
            await network.CarriesAsync(ct);
            await to.SendAsync(buffer.AsMemory(0, length), ct);
        }
        while (length > 0);
    }

    /// <summary>What the connections between two cuts have in common.</summary>
    private sealed class Network : IDisposable
    {
        private readonly CancellationTokenSource _forgotten = new();
        private volatile TaskCompletionSource? _repair;

        public CancellationToken Forgotten => _forgotten.Token;

        public void Dispose() => _forgotten.Dispose();

        public bool IsUp
        {
            get => _repair is null;
            set
            {
                var before = Interlocked.Exchange(
                    ref _repair, value ? null : new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
                before?.TrySetResult();
            }
        }

        public void Forget() => _forgotten.Cancel();

        public Task CarriesAsync(CancellationToken ct) => _repair?.Task.WaitAsync(ct) ?? Task.CompletedTask;
    }
}
