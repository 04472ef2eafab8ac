using System.Net;
using System.Net.Sockets;

namespace Tienda.Hosting;

/// <summary>The program cannot listen where it should; the message says why and what to do.</summary>
public sealed class ListeningException(string message) : Exception(message)
{
    /// <summary>Tries the address before the web server does, which would print its own stack trace.</summary>
    public static void ThrowIfTaken(Settings settings)
    {
        var address = IPAddress.TryParse(settings.Host, out var given) ? given : IPAddress.Loopback;
        using var trial = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            trial.Bind(new IPEndPoint(address, settings.Port));
            trial.Listen();
        }
        catch (SocketException refused)
        {
            throw new ListeningException(refused.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse =>
                    $"Port {settings.Port} of {settings.Host} is in use. Stop the other program, or choose another port with --port.",
                SocketError.AccessDenied =>
                    $"Port {settings.Port} needs more rights than this user has. Choose one above 1023 with --port.",
                _ => $"Tienda cannot listen on {settings.Host}:{settings.Port}: {refused.Message}.",
            });
        }
    }
}
