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
        MakeIfMissing(path);
        try
        {
            var kept = Settings.Read(new SettingsReader([new SettingsSource(path, EnvironmentFile.Parse(File.ReadAllText(path)))]));
            return kept is { JwtSecret: not null, AdminApiKey: not null }
                ? settings with { JwtSecret = settings.JwtSecret ?? kept.JwtSecret, AdminApiKey = settings.AdminApiKey ?? kept.AdminApiKey }
                : throw new SettingsException($"{path} lacks {JwtSecret} or {AdminApiKey}. Delete it, and the next start makes new ones.");
        }
        catch (Exception unusable) when (unusable is IOException or UnauthorizedAccessException or FormatException)
        {
            throw new SettingsException($"The secrets in {path} cannot be read: {unusable.Message}");
        }
    }

    /// <summary>Makes the file if there is none.</summary>
    /// <returns>Whether it was made.</returns>
    /// <exception cref="SettingsException">It cannot be made.</exception>
    public static bool MakeIfMissing(string path)
    {
        if (File.Exists(path))
        {
            return false;
        }

        try
        {
            Make(path);
            return true;
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new SettingsException($"The secrets cannot be made in {path}: {refused.Message}");
        }
    }

    /// <summary>
    /// Writes the administrator's key alone into a file, for programs that take it from there. Unlike the secrets, its group may read it;
    /// and one that is there keeps its owner and mode, so that an operator can say whose it is.
    /// </summary>
    /// <exception cref="SettingsException">The file cannot be written.</exception>
    public static void WriteKey(string key, string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;
        }

        try
        {
            using var writer = new StreamWriter(path, options);
            writer.Write(key);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new SettingsException($"The key cannot be written into {path}: {refused.Message}");
        }
    }

    private static void Make(string path)
    {
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
    }
}
