using System.Globalization;
using System.Net;

namespace Tienda.Hosting;

/// <summary>The settings that say whom the shop believes and how much it takes on, before any route sees a request.</summary>
public sealed record FrontDoor
{
    /// <summary>The proxies whose X-Forwarded-For and X-Forwarded-Proto are believed (TRUSTED_PROXIES).</summary>
    public IReadOnlyList<IPNetwork> TrustedProxies { get; init; } = [IPNetwork.Parse("127.0.0.0/8"), IPNetwork.Parse("::1/128")];

    /// <summary>The origins whose pages may call the shop, "*" for all (CORS_ORIGINS).</summary>
    public IReadOnlyList<string> CorsOrigins { get; init; } = [];

    /// <summary>Seconds that a connection may idle between two requests (TIMEOUT_KEEP_ALIVE).</summary>
    public int KeepAliveSeconds { get; init; } = 75;

    /// <summary>Connections that the system holds for the shop until it takes them (BACKLOG).</summary>
    public int Backlog { get; init; } = 2048;

    /// <summary>Requests that may run at the same time, or null for any number (LIMIT_CONCURRENCY).</summary>
    public int? ConcurrencyLimit { get; init; }

    private const string AcceptedProxies = "none, or addresses and networks between commas, such as 127.0.0.1,10.0.0.0/8";
    private const string AcceptedOrigins = "*, or origins between commas, each as a browser sends it: scheme://host or scheme://host:port";

    public static FrontDoor Read(SettingsReader read)
    {
        var defaults = new FrontDoor();
        var limit = read.Whole(["LIMIT_CONCURRENCY"], 0, 1, 1_000_000);
        return new FrontDoor
        {
            TrustedProxies = ReadList(read, "TRUSTED_PROXIES", defaults.TrustedProxies, AcceptedProxies, Proxies),
            CorsOrigins = ReadList(read, "CORS_ORIGINS", defaults.CorsOrigins, AcceptedOrigins, Origins),
            KeepAliveSeconds = read.Whole(["TIMEOUT_KEEP_ALIVE"], defaults.KeepAliveSeconds, 1, 3600),
            Backlog = read.Whole(["BACKLOG"], defaults.Backlog, 1, 65535),
            ConcurrencyLimit = limit == 0 ? null : limit,
        };
    }

    /// <param name="parse">Answers the meaning, or the part that has none.</param>
    private static IReadOnlyList<T> ReadList<T>(
        SettingsReader read, string name, IReadOnlyList<T> absent, string accepted,
        Func<string[], (IReadOnlyList<T> List, string? Mistake)> parse)
    {
        if (read.Text(name, string.Join(',', absent)) is not { } value)
        {
            return absent;
        }

        var (list, mistake) = parse(value.Split(',', StringSplitOptions.TrimEntries));
        if (mistake is not null)
        {
            read.Refuse(name, $"{accepted}; '{mistake}' is neither");
        }

        return list;
    }

    private static (IReadOnlyList<IPNetwork> List, string? Mistake) Proxies(string[] parts)
    {
        if (parts is ["none"])
        {
            return ([], null);
        }

        var networks = new List<IPNetwork>();
        foreach (var part in parts)
        {
            if (Network(part) is not { } network)
            {
                return ([], part);
            }

            networks.Add(network);
        }

        return (networks, null);
    }

    private static IPNetwork? Network(string part)
    {
        if (ClientAddress.Parse(part) is { } one)
        {
            return new IPNetwork(one, one.GetAddressBytes().Length * 8);
        }

        var slash = part.IndexOf('/', StringComparison.Ordinal);
        return slash > 0
            && ClientAddress.Parse(part[..slash]) is { } first
            && int.TryParse(part[(slash + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var length)
            && IPNetwork.TryParse($"{first}/{length.ToString(CultureInfo.InvariantCulture)}", out var network)
            && network.BaseAddress.Equals(first)
            ? network
            : null;
    }

    private static (IReadOnlyList<string> List, string? Mistake) Origins(string[] parts) =>
        parts is ["*"] ? (["*"], null)
        : parts.FirstOrDefault(part => !IsOrigin(part)) is { } mistake ? ([], mistake)
        : (parts, null);

    // A browser writes scheme and host in lower case and leaves out the usual port; another spelling would never be matched.
    private static bool IsOrigin(string part) =>
        Uri.TryCreate(part, UriKind.Absolute, out var uri)
        && uri.Scheme is "http" or "https"
        && part == uri.GetLeftPart(UriPartial.Authority)
        && uri.UserInfo.Length == 0
        && (uri.HostNameType == UriHostNameType.IPv6 || uri.IdnHost == uri.Host);
}
