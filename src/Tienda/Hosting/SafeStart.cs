using System.Net;

namespace Tienda.Hosting;

/// <summary>Refuses to open a shop to strangers by mistake. Production means that POSTGRES_HOST is set.</summary>
public static class SafeStart
{
    /// <summary>What the log and /health_check say while everything is open.</summary>
    public const string OpenWarning = "AUTH_ENABLED=false: everybody may read and change everything, as an administrator.";

    /// <exception cref="SettingsException">Something that production needs is missing; the message says what to set.</exception>
    public static void Check(Settings settings)
    {
        if (settings.EmbeddedPostgres)
        {
            return;
        }

        if (!settings.AuthEnabled)
        {
            if (IsPublic(settings.Host) && !settings.AuthDisabledIKnow)
            {
                throw new SettingsException(
                    $"AUTH_ENABLED=false would open the shop to everybody who reaches {settings.Host}. "
                    + "Remove it, or listen on 127.0.0.1, or set AUTH_DISABLED_I_KNOW=true if that is what you want.");
            }

            return;
        }

        var missing = new List<string>();
        if (settings.JwtSecret is null)
        {
            missing.Add("JWT_SECRET is not set: it signs access tokens and needs 32 random bytes or more, as of `openssl rand -hex 32`.");
        }

        if (settings.AdminApiKey is null)
        {
            missing.Add("ADMIN_API_KEY is not set: it makes its bearer an administrator; as random, as of `openssl rand -hex 24`.");
        }

        if (missing.Count > 0)
        {
            throw new SettingsException(string.Join('\n', missing));
        }
    }

    private static bool IsPublic(string host) =>
        host != "localhost" && !(IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));
}
