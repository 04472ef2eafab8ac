using System.Diagnostics;

namespace Tienda.ApiTests.Outages;

/// <summary>A small disk of its own, in memory, that can be filled to the last byte.</summary>
public sealed class Tmpfs : IAsyncDisposable
{
    private Tmpfs(string path) => Path = path;

    /// <summary>Its folder; anybody may write there.</summary>
    public string Path { get; }

    private string Ballast => System.IO.Path.Combine(Path, "ballast");

    /// <summary>Null if this user, or this machine, cannot mount anything.</summary>
    public static async Task<Tmpfs?> MountAsync(int megabytes)
    {
        if (Environment.UserName != "root")
        {
            return null;
        }

        var path = Directory.CreateTempSubdirectory("tienda-disk-").FullName;
        if (await RunAsync("/bin/mount", "-t", "tmpfs", "-o", $"size={megabytes}m,mode=1777", "tmpfs", path) == 0)
        {
            return new Tmpfs(path);
        }

        Directory.Delete(path);
        return null;
    }

    /// <summary>Takes all the room that is left.</summary>
    public void Fill()
    {
        using var file = new FileStream(Ballast, FileMode.Append, FileAccess.Write, FileShare.None, bufferSize: 0);
        var piece = new byte[1 << 20];
        foreach (var size in new[] { piece.Length, 1 << 12 })
        {
            try
            {
                for (; ; )
                {
                    file.Write(piece, 0, size);
                }
            }
            catch (IOException)
            {
                // There is none for a piece of this size.
            }
        }
    }

    public void Free() => File.Delete(Ballast);

    public async ValueTask DisposeAsync()
    {
        await RunAsync("/bin/umount", Path);
        Directory.Delete(Path);
    }

    private static async Task<int> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        await process.WaitForExitAsync();
        return process.ExitCode;
    }
}
