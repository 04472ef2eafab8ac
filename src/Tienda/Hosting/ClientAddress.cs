using System.Net;
using System.Net.Sockets;

namespace Tienda.Hosting;

/// <summary>
/// Finds out who asks: the right-most hop of X-Forwarded-For that is no trusted proxy. Other headers say nothing that can be checked
/// and are not read. The framework's own middleware splits the list as quoted strings, so that a quotation mark from the client
/// swallows what the proxy appends and the request seems to come from the proxy itself; and it believes everybody if nobody is trusted.
/// </summary>
public sealed class ClientAddress(RequestDelegate next, Settings settings)
{
    private readonly IPNetwork[] _trusted = [.. settings.FrontDoor.TrustedProxies];

    public Task InvokeAsync(HttpContext context)
    {
        var connection = context.Connection;
        if (connection.RemoteIpAddress is not { } peer)
        {
            return next(context);
        }

        connection.RemoteIpAddress = peer = Plain(peer);
        if (!IsTrusted(peer))
        {
            return next(context);
        }

        var request = context.Request;
        var (client, hops) = Walk(peer, Parts(request.Headers["X-Forwarded-For"].ToString()));
        if (hops > 0)
        {
            connection.RemoteIpAddress = client;
            connection.RemotePort = 0;
        }

        // A proxy adds its own scheme to the list or, more often, puts it in the list's place: then one stands for several hops.
        var schemes = Parts(request.Headers["X-Forwarded-Proto"].ToString());
        if (schemes.Length > 0 && schemes[^Math.Clamp(hops, 1, schemes.Length)].ToLowerInvariant() is ("http" or "https") and var scheme)
        {
            request.Scheme = scheme;
        }

        return next(context);
    }

    /// <summary>Goes from the right as long as the hop that vouches is trusted and what it says is an address.</summary>
    private (IPAddress Client, int Hops) Walk(IPAddress peer, string[] hops)
    {
        var (client, believed) = (peer, 0);
        while (believed < hops.Length && IsTrusted(client) && ParseHop(hops[^(believed + 1)]) is { } hop)
        {
            client = hop;
            believed++;
        }

        return (client, believed);
    }

    private bool IsTrusted(IPAddress address)
    {
        foreach (var network in _trusted)
        {
            if (network.Contains(address))
            {
                return true;
            }
        }

        return false;
    }

    // Several header lines are one list (RFC 9110 5.3); the values come joined by commas.
    private static string[] Parts(string list) => list.Length == 0 ? [] : list.Split(',', StringSplitOptions.TrimEntries);

    /// <summary>An address as a proxy writes it, also 192.0.2.1:443, [2001:db8::1] and [2001:db8::1]:443.</summary>
    private static IPAddress? ParseHop(string hop)
    {
        if (hop.StartsWith('['))
        {
            return IPEndPoint.TryParse(hop, out var bracketed) ? Parse(bracketed.Address.ToString()) : null;
        }

        var colon = hop.IndexOf(':', StringComparison.Ordinal);
        var hasPort = colon > 0 && hop.LastIndexOf(':') == colon && ushort.TryParse(hop.AsSpan(colon + 1), out _);
        return Parse(hasPort ? hop[..colon] : hop);
    }

    /// <summary>The parser of the framework also takes 1, 0x7f.1 and 010.0.0.1 for addresses, which nobody means.</summary>
    internal static IPAddress? Parse(string text) =>
        !text.Contains('[', StringComparison.Ordinal) && !text.Contains('%', StringComparison.Ordinal)
        && IPAddress.TryParse(text, out var address)
        && (address.AddressFamily != AddressFamily.InterNetwork || address.ToString() == text)
            ? Plain(address)
            : null;

    // A socket that takes both families shows 192.0.2.1 as ::ffff:192.0.2.1.
    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
}
