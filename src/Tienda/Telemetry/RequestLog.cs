using System.Buffers;
using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Tienda.Hosting;

namespace Tienda.Telemetry;

/// <summary>
/// Gives every request its id, counts it, and writes it to the log: as two lines of text, one when it comes and one when it is answered,
/// or as one JSON object when it is answered. ACCESS_LOG switches the lines, whatever the level of the other ones.
/// </summary>
public sealed class RequestLog(RequestDelegate next, LogLines lines, RequestFigures figures, Settings settings, TimeProvider time)
{
    /// <summary>In: an id of the client's, if it is a plain token. Out: the id under which the request is logged.</summary>
    public const string IdHeader = "X-Request-ID";

    private const int LongestRequestId = 128;
    private const int NewIdLength = 12;

    // The longest path, each of its bytes escaped, and the rest of the line.
    private const int LongestLine = (3 * ShopServer.MaximumRequestLineBytes) + 1024;

    private static long _lastId = BitConverter.ToInt64(RandomNumberGenerator.GetBytes(sizeof(long)));

    private readonly LogTime _time = new(time);
    private readonly bool _writesText = settings.AccessLog && !settings.JsonLogs;
    private readonly bool _writesJson = settings.AccessLog && settings.JsonLogs;

    public Task InvokeAsync(HttpContext context)
    {
        var id = context.Request.Headers[IdHeader].ToString();
        context.TraceIdentifier = id = IsSane(id) ? id : NewId();
        context.Response.Headers[IdHeader] = id;
        var request = new LoggedRequest(
            id, context.Request.Method, LoggedPath(context.Request.Path), context.Connection.RemoteIpAddress, Stopwatch.GetTimestamp());
        return _writesText ? RunWithTextAsync(context, request) : RunAsync(context, request);
    }

    private async Task RunAsync(HttpContext context, LoggedRequest request)
    {
        try
        {
            await next(context);
        }
        finally
        {
            var duration = Count(context, request);
            if (_writesJson)
            {
                WriteJson(context, request, duration);
            }
        }
    }

    // An answer that nobody had to wait for is logged together with its request, in one piece.
    private Task RunWithTextAsync(HttpContext context, LoggedRequest request)
    {
        var line = new Utf8Line(2 * LongestLine);
        var now = _time.Now();
        AppendCame(ref line, request, now);
        var (answering, isDone) = (Task.CompletedTask, true);
        try
        {
            answering = next(context);
            isDone = answering.IsCompleted;
        }
        finally
        {
            if (isDone)
            {
                AppendAnswered(ref line, context, request, now, Count(context, request));
            }

            lines.Write(line.Written);
            line.Dispose();
        }

        return isDone ? answering : RunOnAsync(answering, context, request);
    }

    private async Task RunOnAsync(Task answering, HttpContext context, LoggedRequest request)
    {
        try
        {
            await answering;
        }
        finally
        {
            var line = new Utf8Line(LongestLine);
            AppendAnswered(ref line, context, request, _time.Now(), Count(context, request));
            lines.Write(line.Written);
            line.Dispose();
        }
    }

    /// <returns>How long the request took, in milliseconds.</returns>
    private double Count(HttpContext context, LoggedRequest request)
    {
        var duration = Stopwatch.GetTimestamp() - request.Since;
        figures.Note(context, duration);
        return 1000.0 * duration / Stopwatch.Frequency;
    }

    private static void AppendCame(ref Utf8Line line, LoggedRequest request, ReadOnlySpan<byte> now)
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

    private static void AppendAnswered(
        ref Utf8Line line, HttpContext context, LoggedRequest request, ReadOnlySpan<byte> now, double milliseconds)
    {
        AppendStart(ref line, request, now, "] ← "u8);
        line.Append(" - "u8);
        line.Append(context.Response.StatusCode, "");
        line.Append(" ("u8);
        line.AppendTenths((long)Math.Round(milliseconds * 10));
        line.Append("ms)\n"u8);
    }

    private static void AppendStart(ref Utf8Line line, LoggedRequest request, ReadOnlySpan<byte> now, ReadOnlySpan<byte> direction)
    {
        line.Append(now);
        line.Append(" - ["u8);
        line.Append(request.Id);
        line.Append(direction);
        line.Append(request.Method);
        line.Append(" "u8);
        line.Append(request.Path);
    }

    private void WriteJson(HttpContext context, LoggedRequest request, double milliseconds)
    {
        var line = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(line))
        {
            json.WriteStartObject();
            json.WriteString("timestamp", time.GetUtcNow());
            json.WriteString("level", nameof(LogLevel.Information));
            json.WriteString("category", "Tienda.Requests");
            json.WriteString("request_id", request.Id);
            json.WriteString("method", request.Method);
            json.WriteString("path", request.Path);
            json.WriteString("client", request.Client?.ToString());
            json.WriteNumber("status", context.Response.StatusCode);
            json.WriteNumber("duration_ms", Math.Round(milliseconds, 1));
            json.WriteEndObject();
        }

        line.Write("\n"u8);
        lines.Write(line.WrittenSpan);
    }

    // What comes from outside goes into logs and headers, so only plain tokens are taken over.
    private static bool IsSane(string id) =>
        id.Length is > 0 and <= LongestRequestId && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    // Escaped as in a URL: a line break in it would begin a log line of the client's own.
    internal static string LoggedPath(PathString path) => path.HasValue ? path.ToUriComponent() : "/";

    // One after the other from a random place among 2^60, so that ids of several processes do not meet either.
    private static string NewId() => string.Create(NewIdLength, Interlocked.Increment(ref _lastId), static (text, id) =>
    {
        for (var i = text.Length - 1; i >= 0; i--)
        {
            text[i] = "0123456789abcdefghijklmnopqrstuv"[(int)(id & 31)];
            id >>= 5;
        }
    });

    private readonly record struct LoggedRequest(string Id, string Method, string Path, IPAddress? Client, long Since);
}
