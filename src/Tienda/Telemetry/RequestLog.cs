using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using Tienda.Hosting;

namespace Tienda.Telemetry;

/// <summary>A request as it came.</summary>
/// <param name="Path">As <see cref="LoggedPath"/> shows it.</param>
/// <param name="Since">The timestamp of its arrival.</param>
public readonly record struct LoggedRequest(string Id, string Method, string Path, IPAddress? Client, long Since);

/// <summary>
/// Gives every request its id, counts it, and writes it to the log: as two lines of text, one when it comes and one when it is answered,
/// or as one JSON object when it is answered. ACCESS_LOG switches these lines, whatever the level of the other ones; what failed or was
/// slow is logged in any case, with what it asked of the database.
/// </summary>
public sealed class RequestLog
{
    /// <summary>In: an id of the client's, if it is a plain token. Out: the id under which the request is logged.</summary>
    public const string IdHeader = "X-Request-ID";

    private const int LongestRequestId = 128;
    private const int NewIdLength = 12;

    private static long _lastId = BitConverter.ToInt64(RandomNumberGenerator.GetBytes(sizeof(long)));

    private readonly RequestDelegate _next;
    private readonly LogLines _lines;
    private readonly RequestFigures _figures;
    private readonly RequestLines _form;
    private readonly LogTime _time;
    private readonly bool _writesText;
    private readonly bool _writesJson;
    private readonly bool _isJson;
    private readonly long _slow;

    public RequestLog(RequestDelegate next, LogLines lines, RequestFigures figures, Settings settings, TimeProvider time)
    {
        (_next, _lines, _figures, _time) = (next, lines, figures, new LogTime(time, LogTime.Plain));
        _form = new RequestLines(settings, time);
        _isJson = settings.JsonLogs;
        _writesText = settings.AccessLog && !_isJson;
        _writesJson = settings.AccessLog && _isJson;
        _slow = settings.Log.SlowRequestMs * Stopwatch.Frequency / 1000;
    }

    public Task InvokeAsync(HttpContext context)
    {
        var id = context.Request.Headers[IdHeader].ToString();
        context.TraceIdentifier = id = IsSane(id) ? id : NewId();
        context.Response.Headers[IdHeader] = id;
        var request = new LoggedRequest(
            id, context.Request.Method, LoggedPath.Of(context.Request.Path), context.Connection.RemoteIpAddress, Stopwatch.GetTimestamp());
        return _writesText ? RunWithTextAsync(context, request) : RunAsync(context, request);
    }

    private Task RunAsync(HttpContext context, LoggedRequest request)
    {
        var body = _writesJson ? CountedBody.Of(context) : null;
        var (answering, isDone) = (Task.CompletedTask, true);
        try
        {
            answering = _next(context);
            isDone = answering.IsCompleted;
        }
        finally
        {
            if (isDone)
            {
                WriteWhole(context, request, body);
            }
        }

        return isDone ? answering : WriteLaterAsync(answering, context, request, body);
    }

    private async Task WriteLaterAsync(Task answering, HttpContext context, LoggedRequest request, CountedBody? body)
    {
        try
        {
            await answering;
        }
        finally
        {
            WriteWhole(context, request, body);
        }
    }

    private void WriteWhole(HttpContext context, LoggedRequest request, CountedBody? body)
    {
        var duration = Count(context, request);
        var level = LevelOf(context, duration);
        if (_isJson && (_writesJson || level > LogLevel.Information))
        {
            var line = new Utf8Line(RequestLines.Longest);
            _form.AppendJson(ref line, context, request, duration, level, body);
            _lines.Write(line.Written, level > LogLevel.Information);
            line.Dispose();
        }
        else if (!_isJson)
        {
            WriteRemark(context, request, duration, level);
        }
    }

    // An answer that nobody had to wait for is logged together with its request, in one piece.
    private Task RunWithTextAsync(HttpContext context, LoggedRequest request)
    {
        var line = new Utf8Line(2 * RequestLines.Longest);
        var now = _time.Now();
        RequestLines.AppendCame(ref line, request, now);
        var (answering, isDone) = (Task.CompletedTask, true);
        try
        {
            answering = _next(context);
            isDone = answering.IsCompleted;
        }
        finally
        {
            var duration = isDone ? Count(context, request) : 0;
            if (isDone)
            {
                RequestLines.AppendAnswered(ref line, context, request, now, duration);
            }

            _lines.Write(line.Written);
            line.Dispose();
            if (isDone)
            {
                WriteRemark(context, request, duration, LevelOf(context, duration));
            }
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
            var duration = Count(context, request);
            var line = new Utf8Line(RequestLines.Longest);
            RequestLines.AppendAnswered(ref line, context, request, _time.Now(), duration);
            _lines.Write(line.Written);
            line.Dispose();
            WriteRemark(context, request, duration, LevelOf(context, duration));
        }
    }

    private void WriteRemark(HttpContext context, LoggedRequest request, long duration, LogLevel level)
    {
        if (level <= LogLevel.Information)
        {
            return;
        }

        var line = new Utf8Line(RequestLines.Longest);
        _form.AppendRemark(ref line, context, request, _time.Now(), duration, level);
        _lines.Write(line.Written, isImportant: true);
        line.Dispose();
    }

    /// <returns>How long the request took, in ticks of <see cref="Stopwatch"/>.</returns>
    private long Count(HttpContext context, LoggedRequest request)
    {
        var duration = Stopwatch.GetTimestamp() - request.Since;
        _figures.Note(context, duration);
        return duration;
    }

    /// <summary>Information unless it is worth a line of its own.</summary>
    private LogLevel LevelOf(HttpContext context, long duration)
    {
        var status = context.Response.StatusCode;
        if (status < StatusCodes.Status500InternalServerError && duration <= _slow)
        {
            return LogLevel.Information;
        }

        // Who is not available says so, and to whom it is only a matter of time.
        return status is >= 500 and not StatusCodes.Status503ServiceUnavailable ? LogLevel.Error : LogLevel.Warning;
    }

    // What comes from outside goes into logs and headers, so only plain tokens are taken over.
    private static bool IsSane(string id) =>
        id.Length is > 0 and <= LongestRequestId && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    // One after the other from a random place among 2^60, so that ids of several processes do not meet either.
    private static string NewId() => string.Create(NewIdLength, Interlocked.Increment(ref _lastId), static (text, id) =>
    {
        for (var i = text.Length - 1; i >= 0; i--)
        {
            text[i] = "0123456789abcdefghijklmnopqrstuv"[(int)(id & 31)];
            id >>= 5;
        }
    });
}
