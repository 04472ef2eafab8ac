using System.Globalization;

namespace Tienda.Inspection;

/// <summary>Where the reports are read: a terminal of some width, or a file or pipe, which has none and wants no colours.</summary>
public static class Screen
{
    private const int WidthOfFiles = 160;
    private const int UsualWidth = 80;

    public static bool IsTerminal => !Console.IsOutputRedirected;

    public static int Width => !IsTerminal ? WidthOfFiles : Console.WindowWidth > 0 ? Console.WindowWidth : UsualWidth;

    public static async Task WriteAsync(TextTable table)
    {
        foreach (var line in table.Lines(Width, IsTerminal))
        {
            await Console.Out.WriteLineAsync(line);
        }
    }

    /// <summary>In the units of 1024, as PostgreSQL counts.</summary>
    public static string Bytes(long bytes)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB"];
        var (size, unit) = ((double)bytes, 0);
        while (Math.Abs(size) >= 1024 && unit < units.Length - 1)
        {
            (size, unit) = (size / 1024, unit + 1);
        }

        size = unit == 0 || size >= 100 ? Math.Round(size) : Math.Round(size, 1);
        return string.Create(CultureInfo.InvariantCulture, $"{size} {units[unit]}");
    }

    /// <summary>A duration in the unit that suits it.</summary>
    public static string Age(double seconds) => seconds switch
    {
        < 0.0995 => Number(seconds * 1000, 1) + " ms",
        < 1 => Number(seconds * 1000, 0) + " ms",
        < 120 => Number(seconds, 1) + " s",
        < 7200 => Number(seconds / 60, 0) + " min",
        < 172_800 => Number(seconds / 3600, 0) + " h",
        _ => Number(seconds / 86_400, 0) + " days",
    };

    public static string Ago(DateTime? moment)
    {
        var seconds = (TimeProvider.System.GetUtcNow().UtcDateTime - moment?.ToUniversalTime())?.TotalSeconds;
        return seconds is { } known ? Age(Math.Max(0, known)) + " ago" : "never";
    }

    public static string Number(double number, int decimals) => number.ToString("N" + decimals, CultureInfo.InvariantCulture);

    public static string Whole(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    public static string Percent(double percent) => Number(percent, 1) + " %";
}
