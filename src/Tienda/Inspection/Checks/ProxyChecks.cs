using System.Net;

namespace Tienda.Inspection.Checks;

/// <summary>The address that customers use: what stands before the shop lets through, keeps back and adds.</summary>
public static class ProxyChecks
{
    // By name what a browser should be told, and what the shop tells it.
    private static readonly (string Name, string Value)[] SecurityHeaders =
    [
        ("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer"),
        ("Content-Security-Policy", "frame-ancestors"),
    ];

    public static async Task AddAsync(CheckList list, ShopClient proxy, CancellationToken ct)
    {
        var checks = list.Of("proxy");
        try
        {
            var page = await proxy.GetAsync("/products?limit=100", asAdministrator: false, ct, encoding: "gzip");
            var lacking = SecurityHeaders
                .Where(header => page.Header(header.Name)?.Contains(header.Value, StringComparison.OrdinalIgnoreCase) != true)
                .Select(header => header.Name)
                .ToList();
            checks.Add(
                "security_headers", "Security headers", lacking.Count == 0 ? Verdict.Pass : Verdict.Fail,
                lacking.Count == 0 ? "all" : $"without {string.Join(", ", lacking)}", "all",
                "The shop sends them; nginx must not take them away (proxy_hide_header). deploy/nginx/tienda.conf is as it should be.");
            AddEncryption(checks, proxy.Url, page);
            AddCompression(checks, page);
            var metrics = await proxy.GetAsync("/metrics", asAdministrator: false, ct);
            checks.Add(
                "metrics_closed", "/metrics closed",
                metrics.Status switch
                {
                    HttpStatusCode.OK => Verdict.Fail,
                    HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => Verdict.Warn,
                    _ => Verdict.Pass,
                },
                $"{(int)metrics.Status}", "404",
                "nginx passes it on, so that only the key protects it: add the location of deploy/nginx/tienda.conf that answers 404.");
        }
        catch (ShopAwayException away)
        {
            checks.Add("reachable", "Proxy reachable", Verdict.Fail, "no", "yes", away.Message);
        }
    }

    private static void AddEncryption(CheckList.Section checks, Uri url, ShopAnswer page)
    {
        if (url.Scheme == Uri.UriSchemeHttps)
        {
            checks.Add(
                "hsts", "Strict-Transport-Security", page.Header("Strict-Transport-Security") is null ? Verdict.Warn : Verdict.Pass,
                page.Header("Strict-Transport-Security") ?? "not sent", "sent",
                "The line is in deploy/nginx/tienda.conf: with it browsers come by TLS only.");
        }
        else if (!url.IsLoopback && page.Header("Location")?.StartsWith("https:", StringComparison.Ordinal) != true)
        {
            checks.Add(
                "tls", "Encrypted (TLS)", Verdict.Fail, "no", "yes",
                "Passwords and addresses travel in the open: fill in the TLS lines of deploy/nginx/tienda.conf.");
        }
    }

    private static void AddCompression(CheckList.Section checks, ShopAnswer page)
    {
        var encoding = page.ContentHeaders.ContentEncoding.FirstOrDefault();
        // A catalog of a few products is not worth it.
        var isShort = encoding is null && page.Body.Length < 1024;
        checks.Add(
            "gzip", "Compression", encoding is null ? Verdict.Warn : Verdict.Pass,
            encoding ?? (isShort ? "not known, the catalog is too short for it" : "none"), "gzip or br",
            isShort
                ? "Look again when there are products."
                : "The shop compresses what is worth it; nginx must pass Accept-Encoding on. deploy/nginx/tienda.conf does.");
    }
}
