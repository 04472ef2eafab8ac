namespace Tienda.Data;

/// <summary>The log file of the private PostgreSQL, one earlier file of which is kept.</summary>
/// <param name="File">Its path.</param>
public sealed record ServerLog(string File)
{
    private const long LargeBytes = 10 * 1024 * 1024;
    private const int LinesToShow = 15;

    /// <summary>Puts a large file aside, and answers the position at which the next lines will stand.</summary>
    public long Rotate()
    {
        var file = new FileInfo(File);
        if (file is { Exists: true, Length: > LargeBytes })
        {
            file.MoveTo(File + ".1", overwrite: true);
            return 0;
        }

        return file.Exists ? file.Length : 0;
    }

    /// <summary>The last lines that were written behind a position.</summary>
    public string Since(long position)
    {
        if (!System.IO.File.Exists(File))
        {
            return "(it wrote no log)";
        }

        using var stream = new FileStream(File, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        stream.Position = Math.Min(position, stream.Length);
        using var reader = new StreamReader(stream);
        return string.Join('\n', reader.ReadToEnd().TrimEnd().Split('\n').TakeLast(LinesToShow));
    }
}
