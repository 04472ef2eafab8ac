using Tienda.Hosting;
using ZLogger;

namespace Tienda.Telemetry;

/// <summary>Log lines on standard output, formatted and written by a background thread.</summary>
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
        logging.Services.AddSingleton<LogLines>();
        return logging.AddZLoggerConsole(options =>
        {
            if (settings.JsonLogs)
            {
                options.UseJsonFormatter(json =>
                {
                    json.JsonPropertyNames = json.JsonPropertyNames with
                    {
                        Timestamp = System.Text.Json.JsonEncodedText.Encode("timestamp"),
                        LogLevel = System.Text.Json.JsonEncodedText.Encode("level"),
                        Category = System.Text.Json.JsonEncodedText.Encode("category"),
                        Message = System.Text.Json.JsonEncodedText.Encode("message"),
                    };
                });
            }
            else
            {
                options.UsePlainTextFormatter(text => text.SetPrefixFormatter(
                    $"{0:yyyy-MM-dd HH:mm:ss} - {1}",
                    (in MessageTemplate template, in LogInfo line) => template.Format(line.Timestamp.Utc.DateTime, LevelWord(line))));
            }
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
