using System.Net;
using System.Net.Sockets;

namespace Tienda.ApiTests.Hosting;

/// <summary>
/// Stands between a proxy and a shop: counts the proxy's connections, and loses answers, as a worker does that dies when it has done what
/// it was asked for.
/// </summary>
public sealed class UpstreamWire : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Uri _shop;
    private int _connections;
    private int _requests;
    private int _toLose;

    public UpstreamWire(Uri shop)
    {
        _shop = shop;
        _listener.Start();
        _ = AcceptAsync();
    }

    public Uri Address => new($"http://{_listener.LocalEndpoint}");

    /// <summary>Connections that were ever opened.</summary>
    public int Connections => Volatile.Read(ref _connections);

    /// <summary>Pieces that the proxy has sent: for requests as small as those of the tests, their number.</summary>
    public int Requests => Volatile.Read(ref _requests);

    /// <summary>The next answers do not arrive; the connections on which they would have come break.</summary>
    public void LoseAnswers(int count) => Volatile.Write(ref _toLose, count);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            var proxy = await _listener.AcceptTcpClientAsync(_stop.Token);
            Interlocked.Increment(ref _connections);
            var shop = new TcpClient();
            await shop.ConnectAsync(_shop.Host, _shop.Port, _stop.Token);
            _ = ForwardAsync(proxy, shop, fromShop: false);
            _ = ForwardAsync(shop, proxy, fromShop: true);
        }
    }

    private async Task ForwardAsync(TcpClient from, TcpClient to, bool fromShop)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (await from.GetStream().ReadAsync(buffer, _stop.Token) is > 0 and var length)
            {
                if (fromShop && Interlocked.Decrement(ref _toLose) >= 0)
                {
                    break;
                }

                Interlocked.Add(ref _requests, fromShop ? 0 : 1);
                await to.GetStream().WriteAsync(buffer.AsMemory(0, length), _stop.Token);
            }
        }
        catch (Exception ended) when (ended is IOException or ObjectDisposedException or OperationCanceledException or InvalidOperationException)
        {
        }

        from.Dispose();
        to.Dispose();
    }
}
