using Tienda.Data;
using Tienda.Hosting.Dashboard;

namespace Tienda.Hosting;

/// <summary>The first lines that a person sees: where the shop is, where its data are, how to stop it.</summary>
public sealed partial class Banner(Settings settings, LocalPostgres? local, ILogger<Banner> logger)
{
    /// <summary>Says where it is: with LOG_FORMAT=json in one line, since a program reads the output, which takes nothing else.</summary>
    public void Print(string url)
    {
        if (settings.JsonLogs)
        {
            Log.Open(logger, BuildInfo.Version, url, Data, Keys);
            return;
        }

        Console.WriteLine(
            $"""

            Tienda {BuildInfo.Version} is open
              API       {url}
              try it    {url}/docs
              health    {url}/health_check
              figures   {url}{DashboardPage.Path}
              data      {Data}
              keys      {Keys}
              stop      Ctrl+C

            """);
    }

    private string Keys =>
        !settings.AuthEnabled ? "none: AUTH_ENABLED=false, everybody is an administrator"
        : local is not null ? $"{SecretsFile.PathIn(settings)} (the administrator's X-API-Key is in it)"
        : "JWT_SECRET and ADMIN_API_KEY of the settings";

    private string Data => local is null
        ? $"PostgreSQL at {settings.Postgres!.Host}:{settings.Postgres.Port}"
        : $"{local.DataFolder} (a private PostgreSQL, which stops with Tienda)";

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Tienda {Version} is open at {Url} (data: {Data}; keys: {Keys}).")]
        public static partial void Open(ILogger logger, string version, string url, string data, string keys);
    }
}
