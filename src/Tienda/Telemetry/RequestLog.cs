using System.Diagnostics;
using System.Globalization;
using Tienda.Hosting;

namespace Tienda.Telemetry;

/// <summary>
/// Gives every request its id and writes it to the log: as two lines of text, one when it comes and one when it is answered,
/// or as one JSON object when it is answered.
/// </summary>
public sealed partial class RequestLog(RequestDelegate next, ILoggerFactory logs, Settings settings)
{
    /// <summary>The log category of requests; its lines carry no level word.</summary>
    public const string Category = "Tienda.Requests";

    private const string RequestIdHeader = "X-Request-ID";
    private const int LongestRequestId = 128;

    private readonly ILogger _log = logs.CreateLogger(Category);

    public async Task InvokeAsync(HttpContext context)
    {
        var id = context.Request.Headers[RequestIdHeader].ToString();
        context.TraceIdentifier = id = IsSane(id) ? id : NewId();
        context.Response.Headers[RequestIdHeader] = id;
        if (!settings.AccessLog)
        {
            await next(context);
            return;
        }

        var (method, path) = (context.Request.Method, LoggedPath(context.Request.Path));
        var client = context.Connection.RemoteIpAddress?.ToString() ?? "-";
        var started = Stopwatch.GetTimestamp();
        if (!settings.JsonLogs)
        {
            Log.Came(_log, id, method, path, client);
        }

        try
        {
            await next(context);
        }
        finally
        {
            var milliseconds = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            if (settings.JsonLogs)
            {
                Log.Request(_log, id, method, path, client, context.Response.StatusCode, Math.Round(milliseconds, 1));
            }
            else
            {
                var shown = milliseconds.ToString("F1", CultureInfo.InvariantCulture);
                Log.Answered(_log, id, method, path, context.Response.StatusCode, shown);
            }
        }
    }

    // What comes from outside goes into logs and headers, so only plain tokens are taken over.
    private static bool IsSane(string id) =>
        id.Length is > 0 and <= LongestRequestId && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    // Escaped as in a URL: a line break in it would begin a log line of the client's own.
    internal static string LoggedPath(PathString path) => path.HasValue ? path.ToUriComponent() : "/";

    private static string NewId() => ActivitySpanId.CreateRandom().ToHexString();

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "[{RequestId}] → {Method} {Path} (client: {Client})")]
        public static partial void Came(ILogger logger, string requestId, string method, string path, string client);

        [LoggerMessage(LogLevel.Information, "[{RequestId}] ← {Method} {Path} - {Status} ({Milliseconds}ms)")]
        public static partial void Answered(ILogger logger, string requestId, string method, string path, int status, string milliseconds);

        // The names stand in the JSON as they are here.
        [LoggerMessage(LogLevel.Information, "{request_id} {method} {path} {client} {status} {duration_ms}")]
        public static partial void Request(
            ILogger logger, string request_id, string method, string path, string client, int status, double duration_ms);
    }
}
