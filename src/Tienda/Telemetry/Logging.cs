using System.Text;
using System.Text.Json;
using Tienda.Hosting;
using ZLogger;
using ZLogger.Providers;

namespace Tienda.Telemetry;

/// <summary>Log lines on standard output, formatted by a background thread and written by <see cref="LogLines"/>.</summary>
public static class Logging
{
    public static ILoggingBuilder AddShopLog(this ILoggingBuilder logging, Settings settings)
    {
        logging.ClearProviders();
        logging.SetMinimumLevel(settings.LogLevel);
        // The framework's lines about each request would say again what the request log says.
        logging.AddFilter("Microsoft", settings.LogLevel > LogLevel.Warning ? settings.LogLevel : LogLevel.Warning);
        logging.AddFilter("Npgsql", settings.LogLevel > LogLevel.Warning ? settings.LogLevel : LogLevel.Warning);
        // It reports, with a stack, each connection that is found broken when it is closed: after a restart of the server, all of them.
        logging.AddFilter("Npgsql.Connection", LogLevel.None);
        // Not even its errors: as long as it may log any, it makes an Activity and a scope for every request: 0.9 KB.
        logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
        logging.Services.AddSingleton(_ => new LogLines(
            settings.Log.Output ?? Console.OpenStandardOutput(), settings.JsonLogs, settings.Place is not null, TimeProvider.System));
        logging.Services.AddSingleton<ILoggerProvider>(services =>
            new ZLoggerStreamLoggerProvider(new LogStream(services.GetRequiredService<LogLines>()), Options(settings)));
        return logging;
    }

    private static ZLoggerOptions Options(Settings settings)
    {
        var options = new ZLoggerOptions();
        return settings.JsonLogs
            ? options.UseJsonFormatter(json =>
            {
                json.UseUtcTimestamp = true;
                json.JsonPropertyNames = json.JsonPropertyNames with
                {
                    Timestamp = JsonEncodedText.Encode("timestamp"),
                    LogLevel = JsonEncodedText.Encode("level"),
                    Category = JsonEncodedText.Encode("category"),
                    Message = JsonEncodedText.Encode("message"),
                };
                json.IncludeProperties &= ~IncludeProperties.Exception;
                json.AdditionalFormatter = (Utf8JsonWriter writer, in LogInfo line) =>
                {
                    if (line.Exception is { } exception)
                    {
                        writer.WriteString("exception", ExceptionText.Of(exception));
                    }
                };
            })
            : options.UsePlainTextFormatter(text =>
            {
                text.SetPrefixFormatter(
                    $"{0:yyyy-MM-dd HH:mm:ss} - {1}",
                    (in MessageTemplate template, in LogInfo line) => template.Format(line.Timestamp.Utc.DateTime, LevelWord(line)));
                text.SetExceptionFormatter((writer, exception) => Encoding.UTF8.GetBytes("\n" + ExceptionText.Of(exception), writer));
            });
    }

    private static string LevelWord(in LogInfo line) => line.LogLevel switch
    {
        LogLevel.Trace or LogLevel.Debug => "DEBUG - ",
        LogLevel.Information => "INFO - ",
        LogLevel.Warning => "WARNING - ",
        _ => "ERROR - ",
    };
}
