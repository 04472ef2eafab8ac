using System.Buffers;
using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Tienda.Hosting;

namespace Tienda.Telemetry;

/// <summary>
/// Gives every request its id and writes it to the log: as two lines of text, one when it comes and one when it is answered,
/// or as one JSON object when it is answered. ACCESS_LOG switches it, whatever the level of the other lines.
/// </summary>
public sealed class RequestLog(RequestDelegate next, LogLines lines, Settings settings, TimeProvider time)
{
    private readonly LogTime _time = new(time);

    /// <summary>In: an id of the client's, if it is a plain token. Out: the id under which the request is logged.</summary>
    public const string IdHeader = "X-Request-ID";
    private const int LongestRequestId = 128;
    private const int NewIdLength = 12;

    // The longest path, each of its bytes escaped, and the rest of the line.
    private const int LongestLine = (3 * ShopServer.MaximumRequestLineBytes) + 1024;

    private static long _lastId = BitConverter.ToInt64(RandomNumberGenerator.GetBytes(sizeof(long)));

    public Task InvokeAsync(HttpContext context)
    {
        var id = context.Request.Headers[IdHeader].ToString();
        context.TraceIdentifier = id = IsSane(id) ? id : NewId();
        context.Response.Headers[IdHeader] = id;
        if (!settings.AccessLog)
        {
            return next(context);
        }

        var request = new LoggedRequest(
            id, context.Request.Method, LoggedPath(context.Request.Path), context.Connection.RemoteIpAddress, Stopwatch.GetTimestamp());
        return settings.JsonLogs ? LogAsJson(context, request) : LogAsText(context, request);
    }

    private Task LogAsJson(HttpContext context, LoggedRequest request)
    {
        var answering = next(context);
        if (!answering.IsCompletedSuccessfully)
        {
            return AnsweredLaterAsync(answering, context, request);
        }

        AnsweredAsJson(context, request);
        return Task.CompletedTask;
    }

    // An answer that nobody had to wait for is logged together with its request, in one piece.
    private Task LogAsText(HttpContext context, LoggedRequest request)
    {
        var line = new Utf8Line(2 * LongestLine);
        try
        {
            AppendCame(ref line, request);
            Task answering;
            try
            {
                answering = next(context);
            }
            catch
            {
                AppendAnswered(ref line, context, request);
                lines.Write(line.Written);
                throw;
            }

            if (answering.IsCompletedSuccessfully)
            {
                AppendAnswered(ref line, context, request);
            }

            lines.Write(line.Written);
            return answering.IsCompletedSuccessfully ? Task.CompletedTask : AnsweredLaterAsync(answering, context, request);
        }
        finally
        {
            line.Dispose();
        }
    }

    private async Task AnsweredLaterAsync(Task answering, HttpContext context, LoggedRequest request)
    {
        try
        {
            await answering;
        }
        finally
        {
            Answered(context, request);
        }
    }

    private void Answered(HttpContext context, LoggedRequest request)
    {
        if (settings.JsonLogs)
        {
            AnsweredAsJson(context, request);
            return;
        }

        var line = new Utf8Line(LongestLine);
        AppendAnswered(ref line, context, request);
        lines.Write(line.Written);
        line.Dispose();
    }

    private void AppendCame(ref Utf8Line line, LoggedRequest request)
    {
        AppendStart(ref line, request, "] → "u8);
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

    private void AppendAnswered(ref Utf8Line line, HttpContext context, LoggedRequest request)
    {
        AppendStart(ref line, request, "] ← "u8);
        line.Append(" - "u8);
        line.Append(context.Response.StatusCode, "");
        line.Append(" ("u8);
        line.AppendTenths((long)Math.Round(Stopwatch.GetElapsedTime(request.Since).TotalMilliseconds * 10));
        line.Append("ms)\n"u8);
    }

    private void AppendStart(ref Utf8Line line, LoggedRequest request, ReadOnlySpan<byte> direction)
    {
        line.Append(_time.Now());
        line.Append(" - ["u8);
        line.Append(request.Id);
        line.Append(direction);
        line.Append(request.Method);
        line.Append(" "u8);
        line.Append(request.Path);
    }

    private void AnsweredAsJson(HttpContext context, LoggedRequest request)
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
            json.WriteNumber("duration_ms", Math.Round(Stopwatch.GetElapsedTime(request.Since).TotalMilliseconds, 1));
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
