using System.Net;
using System.Text.Json;
using Tienda.Hosting;

namespace Tienda.Inspection.Checks;

/// <summary>A running shop: the guide's check list "during operation".</summary>
public static class ShopChecks
{
    /// <param name="during">For how long to look, or null for all that was counted since the workers started.</param>
    public static async Task AddAsync(CheckList list, ShopClient shop, TimeSpan? during, CancellationToken ct)
    {
        var checks = list.Of("shop");
        try
        {
            await AddHealthAsync(checks, shop, ct);
            var open = await shop.GetAsync("/metrics", asAdministrator: false, ct);
            checks.Add(
                "metrics_closed", "Figures for administrators only", open.Status == HttpStatusCode.OK ? Verdict.Fail : Verdict.Pass,
                open.Status == HttpStatusCode.OK ? "open to everybody" : "closed", "closed", "Sign-in is off: remove AUTH_ENABLED=false.");
            await AddFiguresAsync(checks, shop, during, ct);
        }
        catch (ShopAwayException away)
        {
            checks.Add("reachable", "Shop reachable", Verdict.Fail, "no", "yes", away.Message);
        }
        catch (CommandException refused)
        {
            checks.Add("metrics", "Monitoring (/metrics)", Verdict.Fail, "refused", "readable with ADMIN_API_KEY", refused.Message);
        }
    }

    private static async Task AddHealthAsync(CheckList.Section checks, ShopClient shop, CancellationToken ct)
    {
        var ready = await shop.GetAsync("/health/ready", asAdministrator: false, ct);
        checks.Add(
            "ready", "Takes requests", ready.Status == HttpStatusCode.OK ? Verdict.Pass : Verdict.Fail, Text(ready, "status"), "ready",
            "A migration is pending (`tienda migrate`), or the shop stops.");
        var answer = await shop.GetAsync("/health_check", asAdministrator: false, ct);
        if (Json(answer) is not { } health)
        {
            checks.Add(
                "health", "Health check", Verdict.Fail, $"{(int)answer.Status}", "healthy",
                $"What answers at {shop.Url} is no shop: give the shop's own address.");
            return;
        }

        var status = Text(health, "status");
        checks.Add(
            "health", "Health check",
            status switch { "healthy" => Verdict.Pass, "critical" => Verdict.Fail, _ => Verdict.Warn }, status, "healthy",
            "docs/health.md says what each status means; `checks` of /health_check what is wrong.");
        var warnings = health.TryGetProperty("warnings", out var told) && told.ValueKind == JsonValueKind.Array
            ? told.EnumerateArray().Select(warning => warning.GetString()).ToList()
            : [];
        checks.Add(
            "health_warnings", "Warnings of the shop", warnings.Count == 0 ? Verdict.Pass : Verdict.Warn,
            warnings.Count == 0 ? "none" : Screen.Whole(warnings.Count), "none", string.Join(' ', warnings));
        var version = Text(health, "version");
        checks.Add(
            "version", "Version of the shop", version == BuildInfo.Version ? Verdict.Pass : Verdict.Warn, version, BuildInfo.Version,
            "The shop runs another build than this program: `kill -HUP` of its supervisor, or a restart, replaces it.");
    }

    private static async Task AddFiguresAsync(CheckList.Section checks, ShopClient shop, TimeSpan? during, CancellationToken ct)
    {
        Scrape? before = null;
        if (during is { } time)
        {
            before = await shop.ScrapeAsync(ct);
            await Task.Delay(time, ct);
        }

        var figures = ShopFigures.Between(before, await shop.ScrapeAsync(ct));
        checks.Add("metrics", "Monitoring (/metrics)", Verdict.Pass, "readable", "readable with ADMIN_API_KEY", "");
        var counted = $", of {Screen.Number(figures.Requests, 0)} requests";
        checks.Add("p50", GuideTargets.Median, figures.MedianMs, "See p95.", counted);
        checks.Add(
            "p95", GuideTargets.P95, figures.P95Ms,
            "docs/operations.md, \"Slow\": `tienda db top`, the pool, the hit rate, in this order.", counted);
        checks.Add(
            "errors", GuideTargets.Errors, figures.ErrorPercent,
            "Answers of the 500s. docs/operations.md, \"Many errors\": the log has the reason before each of them.", counted);
        checks.Add("hit_rate", GuideTargets.HitRate, figures.HitPercent, "docs/operations.md, \"Low hit rate\".");
        checks.Add(
            "pool", GuideTargets.Pool, figures.PoolPercent,
            "docs/operations.md, \"Pool exhausted\": `tienda db connections` and `tienda db locks` show who holds them.",
            $", {Screen.Number(figures.PoolUsed ?? 0, 0)} of {Screen.Number(figures.PoolMost ?? 0, 0)}");
    }

    private static JsonElement? Json(ShopAnswer answer)
    {
        try
        {
            using var document = JsonDocument.Parse(answer.Body);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string Text(ShopAnswer answer, string name) => Json(answer) is { } json ? Text(json, name) : $"{(int)answer.Status}";

    private static string Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "unknown";
}
