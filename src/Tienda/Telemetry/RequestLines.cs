using System.Buffers;
using System.Diagnostics;
using System.Security.Claims;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Features.Authentication;
using Tienda.Data;
using Tienda.Hosting;
using Tienda.Http;
using Tienda.Security;

namespace Tienda.Telemetry;

/// <summary>The forms of the request log's lines (docs/logging.md).</summary>
public sealed class RequestLines(Settings settings, TimeProvider time)
{
    /// <summary>Bytes of the longest path, each of its own escaped, and of the rest of the line.</summary>
    public const int Longest = (3 * ShopServer.MaximumRequestLineBytes) + 2048;

    /// <summary>What the JSON form has as its category.</summary>
    public const string Category = "Tienda.Requests";

    private const int LongestReason = 300;

    private static readonly SearchValues<char> ToEscape = SearchValues.Create(
        [.. Enumerable.Range(0, 0xa0).Select(code => (char)code).Where(c => char.IsControl(c) || c is '"' or '\\')]);

    private readonly LogTime _time = new(time, LogTime.Json);
    private readonly int _worker = settings.Place?.Number ?? 1;

    public static void AppendCame(ref Utf8Line line, LoggedRequest request, ReadOnlySpan<byte> now)
    {
        AppendStart(ref line, request, now, "] → "u8);
        line.Append(" (client: "u8);
        if (request.Client is { } client)
        {
            line.Append(client, "");
        }
        else
        {
            line.Append("-"u8);
        }

        line.Append(")\n"u8);
    }

    /// <param name="duration">In ticks of <see cref="Stopwatch"/>.</param>
    public static void AppendAnswered(
        ref Utf8Line line, HttpContext context, LoggedRequest request, ReadOnlySpan<byte> now, long duration)
    {
        AppendStart(ref line, request, now, "] ← "u8);
        AppendOutcome(ref line, context, duration);
        line.Append("\n"u8);
    }

    /// <summary>A line of text beside the two, for what failed or was slow.</summary>
    /// <param name="duration">In ticks of <see cref="Stopwatch"/>.</param>
    public void AppendRemark(
        ref Utf8Line line, HttpContext context, LoggedRequest request, ReadOnlySpan<byte> now, long duration, LogLevel level)
    {
        line.Append(now);
        line.Append(level == LogLevel.Error ? " - ERROR - ["u8 : " - WARNING - ["u8);
        line.Append(request.Id);
        line.Append(context.Response.StatusCode >= StatusCodes.Status500InternalServerError ? "] failed: "u8 : "] slow: "u8);
        AppendTarget(ref line, request);
        AppendOutcome(ref line, context, duration);
        line.Append(", route "u8);
        line.Append(RequestFigures.RouteOf(context) is { Length: > 0 } route ? route : "-");
        var problem = context.Features.Get<Problem>();
        if (problem is not null)
        {
            line.Append(", problem "u8);
            line.Append(problem.Type.Name);
        }

        if (CachedAnswer.Of(context) is { } cached)
        {
            line.Append(", cache "u8);
            line.Append(cached);
        }

        if (context.Features.Get<DatabaseUse>() is { } use)
        {
            AppendUse(ref line, use);
        }

        if (problem?.Reason is { } reason)
        {
            line.Append(", because "u8);
            line.Append(Printable(reason));
        }

        line.Append("\n"u8);
    }

    /// <summary>The JSON form, with everything that is known.</summary>
    /// <param name="duration">In ticks of <see cref="Stopwatch"/>.</param>
    /// <param name="body">What counted the body's bytes, or null if nobody did.</param>
    public void AppendJson(
        ref Utf8Line line, HttpContext context, LoggedRequest request, long duration, LogLevel level, CountedBody? body)
    {
        line.Append("{\"timestamp\":\""u8);
        line.Append(_time.Now(out var fraction));
        line.Append("."u8);
        line.Append(fraction, "D7");
        line.Append("+00:00\",\"level\":\""u8);
        line.Append(level == LogLevel.Error ? "Error"u8 : level == LogLevel.Warning ? "Warning"u8 : "Information"u8);
        line.Append("\",\"category\":\""u8);
        line.Append(Category);
        line.Append("\""u8);
        AppendText(ref line, ",\"request_id\":"u8, request.Id);
        line.Append(",\"client\":\""u8);
        if (request.Client is { } client)
        {
            line.Append(client, "");
        }

        line.Append("\""u8);
        AppendUser(ref line, context.Features.Get<IHttpAuthenticationFeature>()?.User);
        AppendText(ref line, ",\"method\":"u8, request.Method);
        AppendText(ref line, ",\"route\":"u8, RequestFigures.RouteOf(context));
        AppendText(ref line, ",\"path\":"u8, request.Path);
        line.Append(",\"status\":"u8);
        line.Append(context.Response.StatusCode, "");
        AppendMilliseconds(ref line, ",\"duration_ms\":"u8, Stopwatch.GetElapsedTime(0, duration));
        if (body is not null)
        {
            line.Append(",\"bytes\":"u8);
            line.Append(HttpMethods.IsHead(context.Request.Method) ? 0 : body.Bytes, "");
        }

        line.Append(",\"cache\":\""u8);
        line.Append(CachedAnswer.Of(context) ?? "none");
        line.Append("\",\"worker\":"u8);
        line.Append(_worker, "");
        if (Tracing.TraceId is { } trace)
        {
            AppendText(ref line, ",\"trace_id\":"u8, trace);
        }

        AppendWhatHappened(ref line, context, level > LogLevel.Information);
        line.Append("}\n"u8);
    }

    private static void AppendStart(ref Utf8Line line, LoggedRequest request, ReadOnlySpan<byte> now, ReadOnlySpan<byte> direction)
    {
        line.Append(now);
        line.Append(" - ["u8);
        line.Append(request.Id);
        line.Append(direction);
        AppendTarget(ref line, request);
    }

    private static void AppendTarget(ref Utf8Line line, LoggedRequest request)
    {
        line.Append(request.Method);
        line.Append(" "u8);
        line.Append(request.Path);
    }

    private static void AppendOutcome(ref Utf8Line line, HttpContext context, long duration)
    {
        line.Append(" - "u8);
        line.Append(context.Response.StatusCode, "");
        line.Append(" ("u8);
        AppendMilliseconds(ref line, ""u8, Stopwatch.GetElapsedTime(0, duration));
        line.Append("ms)"u8);
    }

    private static void AppendUse(ref Utf8Line line, DatabaseUse use)
    {
        line.Append(", "u8);
        line.Append(use.RoundTrips, "");
        AppendMilliseconds(ref line, use.RoundTrips == 1 ? " round trip in "u8 : " round trips in "u8, use.Duration);
        line.Append("ms"u8);
        if (use.Slowest is { } slowest)
        {
            line.Append(", slowest "u8);
            line.Append(slowest.Text);
            AppendMilliseconds(ref line, " "u8, use.SlowestDuration);
            line.Append("ms"u8);
        }

        AppendMilliseconds(ref line, ", waited "u8, use.Waited);
        line.Append("ms"u8);
    }

    private static void AppendUser(ref Utf8Line line, ClaimsPrincipal? user)
    {
        var id = user?.ClientId;
        line.Append(",\"user_id\":"u8);
        if (id is { } known)
        {
            line.Append(known, "");
        }
        else
        {
            line.Append("null"u8);
        }

        line.Append(",\"role\":"u8);
        line.Append(user is { IsAdministrator: true } ? "\"administrator\""u8 : id is not null ? "\"client\""u8 : "null"u8);
    }

    private static void AppendWhatHappened(ref Utf8Line line, HttpContext context, bool isRemarkable)
    {
        var problem = context.Response.StatusCode >= StatusCodes.Status400BadRequest ? context.Features.Get<Problem>() : null;
        if (problem is not null)
        {
            AppendText(ref line, ",\"problem\":"u8, problem.Type.Name);
        }

        if (problem?.Reason is { } reason)
        {
            AppendText(ref line, ",\"reason\":"u8, Printable(reason));
        }

        if (!isRemarkable || context.Features.Get<DatabaseUse>() is not { } use)
        {
            return;
        }

        line.Append(",\"db_round_trips\":"u8);
        line.Append(use.RoundTrips, "");
        AppendMilliseconds(ref line, ",\"db_ms\":"u8, use.Duration);
        AppendMilliseconds(ref line, ",\"db_wait_ms\":"u8, use.Waited);
        if (use.Slowest is { } slowest)
        {
            AppendText(ref line, ",\"slowest_query\":"u8, slowest.Text);
            AppendMilliseconds(ref line, ",\"slowest_query_ms\":"u8, use.SlowestDuration);
        }
    }

    private static void AppendMilliseconds(ref Utf8Line line, ReadOnlySpan<byte> before, TimeSpan duration)
    {
        const long TicksPerTenth = TimeSpan.TicksPerMillisecond / 10;
        line.Append(before);
        line.AppendTenths((duration.Ticks + (TicksPerTenth / 2)) / TicksPerTenth);
    }

    private static void AppendText(ref Utf8Line line, ReadOnlySpan<byte> before, string text)
    {
        line.Append(before);
        line.Append("\""u8);
        if (text.AsSpan().ContainsAny(ToEscape))
        {
            line.Append(JsonEncodedText.Encode(text).EncodedUtf8Bytes);
        }
        else
        {
            line.Append(text);
        }

        line.Append("\""u8);
    }

    private static string Printable(string reason) =>
        string.Concat(reason.Take(LongestReason).Select(c => char.IsControl(c) ? ' ' : c));
}
