using System.Net.Sockets;

namespace Tienda.ApiTests.Contract;

/// <summary>
/// Stands between a shop and PostgreSQL and counts round trips on the wire: each time the client speaks after the server has spoken.
/// </summary>
public sealed class RoundTripCounter : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tienda-wire-").FullName;
    private readonly CancellationTokenSource _stop = new();
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly string _server;
    private int _count;

    public RoundTripCounter(string serverFolder)
    {
        _server = Path.Combine(serverFolder, ".s.PGSQL.5432");
        _listener.Bind(new UnixDomainSocketEndPoint(Path.Combine(_folder, ".s.PGSQL.5432")));
        _listener.Listen();
        _ = AcceptAsync();
    }

    /// <summary>The folder to give as the database's host.</summary>
    public string Host => _folder;

    /// <summary>Round trips since the last call.</summary>
    public int Take() => Interlocked.Exchange(ref _count, 0);

    public async ValueTask DisposeAsync()
    {
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
            var serverSpokeLast = new StrongBox(true);
            var isLog = new StrongBox(false);
            _ = ForwardAsync(client, server, sent =>
            {
                isLog.Value |= sent.IndexOf(NameOfLogReader) >= 0;
                if (serverSpokeLast.Value && !isLog.Value)
                {
                    serverSpokeLast.Value = false;
                    Interlocked.Increment(ref _count);
                }
            });
            _ = ForwardAsync(server, client, _ => serverSpokeLast.Value = true);
        }
    }

    private delegate void Speech(ReadOnlySpan<byte> sent);

    // It asks twice a second, whoever sends requests.
    private static ReadOnlySpan<byte> NameOfLogReader => "tienda-cache"u8;

    private async Task ForwardAsync(Socket from, Socket to, Speech spoke)
    {
        var buffer = new byte[64 * 1024];
        while (await from.ReceiveAsync(buffer, _stop.Token) is > 0 and var length)
        {
            spoke(buffer.AsSpan(0, length));
            await to.SendAsync(buffer.AsMemory(0, length), _stop.Token);
        }

        from.Dispose();
        to.Dispose();
    }

    private sealed class StrongBox(bool value)
    {
        public volatile bool Value = value;
    }
}
