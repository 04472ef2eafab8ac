using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Tienda.Hosting.Workers;

/// <summary>
/// The socket on which the shop listens. It is opened once and handed on to every worker, so that connections that wait in it are lost with
/// none of them; a socket of each worker's own (SO_REUSEPORT) would take those in its queue along.
/// </summary>
public sealed partial class ListeningSocket : IDisposable
{
    // sd_listen_fds(3)
    private const int FirstOfSystemd = 3;

    private readonly Socket _socket;

    private ListeningSocket(Socket socket, int descriptor) => (_socket, Descriptor) = (socket, descriptor);

    public int Descriptor { get; }

    public string Url => string.Create(CultureInfo.InvariantCulture, $"http://{_socket.LocalEndPoint}");

    /// <summary>The socket that systemd has opened for this process, or one of this process's own.</summary>
    /// <exception cref="ListeningException">The address cannot be listened on.</exception>
    public static ListeningSocket Open(Settings settings)
    {
        if (settings.HasSystemdSocket)
        {
            // What is closed in the end is a copy. Who comes when the shop has ended waits for the next one.
            return new ListeningSocket(new Socket(new SafeSocketHandle(Duplicate(FirstOfSystemd), ownsHandle: true)), FirstOfSystemd);
        }

        var address = IPAddress.TryParse(settings.Host, out var given) ? given : IPAddress.Loopback;
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (address.Equals(IPAddress.IPv6Any))
            {
                socket.DualMode = true;
            }

            socket.Bind(new IPEndPoint(address, settings.Port));
            socket.Listen(settings.FrontDoor.Backlog);
            return new ListeningSocket(socket, (int)socket.Handle);
        }
        catch (SocketException refused)
        {
            socket.Dispose();
            throw ListeningException.Of(refused, settings);
        }
    }

    /// <summary>Lets processes that are started from now on have it, too.</summary>
    public void Bequeath()
    {
        const int SetFlags = 2; // F_SETFD; FD_CLOEXEC is its only flag.
        if (ControlFile(Descriptor, SetFlags, 0) != 0)
        {
            throw new ListeningException($"The listening socket cannot be handed on: error {Marshal.GetLastPInvokeError()}.");
        }
    }

    public void Dispose() => _socket.Dispose();

    [LibraryImport("libc", EntryPoint = "dup")]
    private static partial nint Duplicate(nint descriptor);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int ControlFile(int descriptor, int command, int argument);
}
