using System.Net.Sockets;

namespace Tienda.Hosting;

/// <summary>The program cannot listen where it should; the message says why and what to do.</summary>
public sealed class ListeningException(string message) : Exception(message)
{
    public static ListeningException Of(SocketException refused, Settings settings) => new(refused.SocketErrorCode switch
    {
        SocketError.AddressAlreadyInUse =>
            $"Port {settings.Port} of {settings.Host} is in use. Stop the other program, or choose another port with --port.",
        SocketError.AccessDenied =>
            $"Port {settings.Port} needs more rights than this user has. Choose one above 1023 with --port.",
        _ => $"Tienda cannot listen on {settings.Host}:{settings.Port}: {refused.Message}.",
    });
}
