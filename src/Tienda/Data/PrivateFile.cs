namespace Tienda.Data;

/// <summary>Files that only their owner may read.</summary>
public static class PrivateFile
{
    /// <exception cref="IOException">There is such a file already, or no such folder.</exception>
    public static FileStream Create(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return new FileStream(path, options);
    }
}
