using System.Security.Cryptography;
using Tienda.Data;

namespace Tienda.Hosting;

/// <summary>Makes the secrets that nobody has set and keeps them beside the private database, readable to its owner only.</summary>
public static class SecretsFile
{
    private const string JwtSecret = "JWT_SECRET";
    private const string AdminApiKey = "ADMIN_API_KEY";

    public static string PathIn(Settings settings) => Path.Combine(settings.DataFolder, "secrets.env");

    /// <summary>The settings with a JWT_SECRET and an ADMIN_API_KEY: their own, else those of the file, else new ones.</summary>
    /// <exception cref="SettingsException">The file cannot be read or written, or somebody has spoilt it.</exception>
    public static Settings Complete(Settings settings)
    {
        if (settings is { JwtSecret: not null, AdminApiKey: not null })
        {
            return settings;
        }

        var path = PathIn(settings);
        try
        {
            MakeIfMissing(path);
            var kept = Settings.Read(new SettingsReader([new SettingsSource(path, EnvironmentFile.Parse(File.ReadAllText(path)))]));
            return kept is { JwtSecret: not null, AdminApiKey: not null }
                ? settings with { JwtSecret = settings.JwtSecret ?? kept.JwtSecret, AdminApiKey = settings.AdminApiKey ?? kept.AdminApiKey }
                : throw new SettingsException($"{path} lacks {JwtSecret} or {AdminApiKey}. Delete it, and the next start makes new ones.");
        }
        catch (Exception unusable) when (unusable is IOException or UnauthorizedAccessException or FormatException)
        {
            throw new SettingsException($"The secrets in {path} cannot be read or made: {unusable.Message}");
        }
    }

    /// <summary>Makes the file if there is none.</summary>
    /// <returns>Whether it was made.</returns>
    public static bool MakeIfMissing(string path)
    {
        if (File.Exists(path))
        {
            return false;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        // Under another name first: a start that is interrupted here must not leave half a file behind.
        var half = path + ".new";
        File.Delete(half);
        using (var writer = new StreamWriter(PrivateFile.Create(half)))
        {
            writer.WriteLine("# Made by Tienda at its first start. Whoever has them is the shop's administrator.");
            writer.WriteLine($"{JwtSecret}={RandomNumberGenerator.GetHexString(64, lowercase: true)}");
            writer.WriteLine($"{AdminApiKey}={RandomNumberGenerator.GetHexString(48, lowercase: true)}");
        }

        File.Move(half, path, overwrite: false);
        return true;
    }
}
