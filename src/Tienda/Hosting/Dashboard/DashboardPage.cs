using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;
using Tienda.Http;
using Tienda.Security;
using Tienda.Telemetry;

namespace Tienda.Hosting.Dashboard;

/// <summary>
/// The page with the shop's figures for administrators who have no Grafana. The page itself is open, as it tells nothing; the figures,
/// which it fetches, are not. docs/metrics.md has more.
/// </summary>
public static class DashboardPage
{
    /// <summary>Where the page is, and below it what belongs to it.</summary>
    public const string Path = "/dashboard";

    // All that it needs comes from here, and nothing in the page itself is a script or a style.
    private const string Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

    private const string ResourcePrefix = "dashboard/";

    // Marks in the page that are known only when the shop opens.
    private const string VersionMark = "{version}";
    private const string SignInMark = "{sign-in}";

    private static readonly Dictionary<string, string> MediaTypes = new()
    {
        [".html"] = "text/html; charset=utf-8",
        [".css"] = "text/css; charset=utf-8",
        [".js"] = "text/javascript; charset=utf-8",
        [".svg"] = "image/svg+xml",
    };

    public static void MapDashboard(this IEndpointRouteBuilder routes, Settings settings)
    {
        var files = ReadFiles(settings);
        var dashboard = routes.MapGroup(Path).ExcludeFromDescription();
        dashboard.MapGet("/", (HttpContext context) => Give(context, files["index.html"])).WithName("GetDashboard").ForAnyoneUnasked();
        dashboard.MapGet("/{file}", Results<FileContentHttpResult, Problem> (string file, HttpContext context) =>
            files.TryGetValue(file, out var found)
                ? Give(context, found)
                : new Problem(ProblemType.NotFound, $"The dashboard has no {file}."))
            .ForAnyoneUnasked();
        // The same as /metrics, which proxies close to everybody for good reason; administrators may come through them.
        dashboard.MapGet("/metrics", ShopMetrics.Scrape).ForAdministrators();
    }

    private static FileContentHttpResult Give(HttpContext context, PageFile file)
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        // Asked for each time and sent once: after an upgrade nobody sees old scripts with a new page.
        headers.CacheControl = "no-cache";
        return TypedResults.Bytes(file.Content, file.MediaType, entityTag: file.Tag);
    }

    private static FrozenDictionary<string, PageFile> ReadFiles(Settings settings)
    {
        var assembly = typeof(DashboardPage).Assembly;
        return assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(ResourcePrefix, StringComparison.Ordinal))
            .ToFrozenDictionary(name => name[ResourcePrefix.Length..], Read, StringComparer.Ordinal);

        PageFile Read(string name)
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            var text = reader.ReadToEnd()
                .Replace(VersionMark, BuildInfo.Version, StringComparison.Ordinal)
                .Replace(SignInMark, settings.AuthEnabled ? "needed" : "none", StringComparison.Ordinal);
            var content = Encoding.UTF8.GetBytes(text);
            var tag = Convert.ToHexStringLower(SHA256.HashData(content).AsSpan(0, 12));
            return new PageFile(content, MediaTypes[System.IO.Path.GetExtension(name)], new EntityTagHeaderValue($"\"{tag}\""));
        }
    }

    private sealed record PageFile(byte[] Content, string MediaType, EntityTagHeaderValue Tag);
}
