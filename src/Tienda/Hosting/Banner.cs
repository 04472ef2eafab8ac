using Tienda.Data;

namespace Tienda.Hosting;

/// <summary>The first lines that a person sees: where the shop is, where its data are, how to stop it.</summary>
public static class Banner
{
    public static void Print(string url, Settings settings, LocalPostgres? local)
    {
        Console.WriteLine(
            $"""

            Tienda {BuildInfo.Version} is open
              API       {url}
              try it    {url}/docs
              health    {url}/health_check
              data      {Data(settings, local)}
              keys      {Keys(settings, local)}
              stop      Ctrl+C

            """);
    }

    private static string Keys(Settings settings, LocalPostgres? local) =>
        !settings.AuthEnabled ? "none: AUTH_ENABLED=false, everybody is an administrator"
        : local is not null ? $"{SecretsFile.PathIn(settings)} (the administrator's X-API-Key is in it)"
        : "JWT_SECRET and ADMIN_API_KEY of the settings";

    private static string Data(Settings settings, LocalPostgres? local) => local is null
        ? $"PostgreSQL at {settings.Postgres!.Host}:{settings.Postgres.Port}"
        : $"{local.DataFolder} (a private PostgreSQL, which stops with Tienda)";
}
