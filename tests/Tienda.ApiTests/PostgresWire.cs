using System.Net.Sockets;
using System.Text;

namespace Tienda.ApiTests;

/// <summary>
/// Stands between a shop and PostgreSQL: keeps back, loses or blocks what goes over the wire, and counts round trips, which is each time the
/// client speaks after the server has spoken. Those of the reader of the log do not count; it asks twice a second, whoever sends requests.
/// </summary>
public sealed class PostgresWire : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tienda-wire-").FullName;
    private readonly CancellationTokenSource _stop = new();
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly string _server;
    private readonly Lock _gate = new();
    private WireTrap? _trap;
    private byte[] _trapped = [];
    private TaskCompletionSource? _block;
    private int _roundTrips;

    public PostgresWire(string serverFolder)
    {
        _server = Path.Combine(serverFolder, ".s.PGSQL.5432");
        _listener.Bind(new UnixDomainSocketEndPoint(Path.Combine(_folder, ".s.PGSQL.5432")));
        _listener.Listen();
        _ = AcceptAsync();
    }

    /// <summary>The folder to give as the database's host.</summary>
    public string Host => _folder;

    /// <summary>How long each answer is on its way.</summary>
    public TimeSpan Delay { get; set; }

    /// <summary>Round trips since the last call.</summary>
    public int TakeRoundTrips() => Interlocked.Exchange(ref _roundTrips, 0);

    /// <summary>Keeps back the answers to the next request on any connection but that of the log, until it is told otherwise.</summary>
    /// <param name="words">What stands in that request; others pass.</param>
    public WireTrap HoldNext(string words = "")
    {
        lock (_gate)
        {
            _trapped = Encoding.UTF8.GetBytes(words);
            return _trap = new WireTrap();
        }
    }

    /// <summary>Lets nothing through in either direction, new connections included.</summary>
    public void Block()
    {
        lock (_gate)
        {
            _block ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    public void Unblock()
    {
        lock (_gate)
        {
            _block?.SetResult();
            _block = null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Unblock();
        await _stop.CancelAsync();
        _listener.Dispose();
        _stop.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            var client = await _listener.AcceptAsync(_stop.Token);
            var server = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await server.ConnectAsync(new UnixDomainSocketEndPoint(_server), _stop.Token);
            var connection = new Connection();
            _ = ForwardAsync(client, server, () => TimeSpan.Zero, sent => FromClient(connection, sent));
            _ = ForwardAsync(server, client, () => Delay, _ => FromServer(connection));
        }
    }

    private async Task ForwardAsync(Socket from, Socket to, Func<TimeSpan> delay, Func<ReadOnlyMemory<byte>, WireTrap?> look)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer, _stop.Token) is > 0 and var length)
            {
                await (_block?.Task ?? Task.CompletedTask);
                await Task.Delay(delay(), _stop.Token);
                if (look(buffer.AsMemory(0, length)) is { } trap && !await trap.PassAsync())
                {
                    break;
                }

                await to.SendAsync(buffer.AsMemory(0, length), _stop.Token);
            }
        }
        catch (Exception ended) when (ended is SocketException or ObjectDisposedException or OperationCanceledException)
        {
        }

        from.Dispose();
        to.Dispose();
    }

    // What the client says passes; the connection's answers from now on are in the trap.
    private WireTrap? FromClient(Connection connection, ReadOnlyMemory<byte> sent)
    {
        connection.IsLog |= sent.Span.IndexOf("tienda-cache"u8) >= 0;
        if (connection.IsLog)
        {
            return null;
        }

        if (connection.ServerSpokeLast)
        {
            connection.ServerSpokeLast = false;
            Interlocked.Increment(ref _roundTrips);
        }

        lock (_gate)
        {
            if (_trap is not null && sent.Span.IndexOf(_trapped) >= 0)
            {
                (connection.Trap, _trap) = (_trap, null);
            }
        }

        return null;
    }

    private static WireTrap? FromServer(Connection connection)
    {
        connection.ServerSpokeLast = true;
        return connection.Trap;
    }

    private sealed class Connection
    {
        public volatile WireTrap? Trap;

        public volatile bool IsLog;

        public volatile bool ServerSpokeLast = true;
    }
}

/// <summary>Answers that are kept back.</summary>
public sealed class WireTrap
{
    private readonly TaskCompletionSource _caught = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<bool> _passes = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when the server has answered.</summary>
    public Task Caught => _caught.Task.WaitAsync(TimeSpan.FromSeconds(10));

    public void Release() => _passes.TrySetResult(true);

    /// <summary>The answer never arrives: the connection breaks.</summary>
    public void Lose() => _passes.TrySetResult(false);

    internal Task<bool> PassAsync()
    {
        _caught.TrySetResult();
        return _passes.Task;
    }
}
