using System.Net;
using System.Net.Sockets;

namespace Tienda.ApiTests.Hosting;

/// <summary>Clients that are somewhere else, as far as one machine goes: each at an address of its own in 127.0.0.0/8.</summary>
public static class ClientAt
{
    public static HttpClient Address(string address, Uri server) => new(new SocketsHttpHandler
    {
        ConnectCallback = async (context, ct) =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
            await socket.ConnectAsync(context.DnsEndPoint, ct);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    {
        BaseAddress = server,
    };
}
