using System.Diagnostics;

namespace Tienda.ApiTests.Hosting;

/// <summary>Runs programs that judge what is in the repository.</summary>
public static class Shell
{
    private static readonly TimeSpan UsualPatience = TimeSpan.FromMinutes(5);

    /// <summary>Runs a command line of /bin/sh, which has to succeed, and answers what it printed.</summary>
    public static async Task<string> RunAsync(string folder, string commands)
    {
        var (code, output, errors) = await TryAsync(folder, commands);
        Assert.True(code == 0, $"{commands} ended with {code}:\n{errors}{output}");
        return output;
    }

    /// <summary>Runs a command line of /bin/sh. Whoever takes longer than patience lasts is ended with all its processes.</summary>
    public static async Task<(int Code, string Output, string Errors)> TryAsync(string folder, string commands, TimeSpan? patience = null)
    {
        // Into files: what a build leaves running would hold a pipe open.
        var results = Directory.CreateTempSubdirectory("tienda-run-").FullName;
        try
        {
            string[] words = ["-c", $"{{ {commands}\n}} >\"$0/output\" 2>\"$0/errors\" </dev/null", results];
            using var process = Process.Start(new ProcessStartInfo("/bin/sh", words) { WorkingDirectory = folder })!;
            try
            {
                await process.WaitForExitAsync().WaitAsync(patience ?? UsualPatience);
            }
            catch (TimeoutException)
            {
                process.Kill(entireProcessTree: true);
                Assert.Fail($"{commands} has not ended within {patience ?? UsualPatience}:\n{await ReadAsync("errors")}{await ReadAsync("output")}");
            }

            return (process.ExitCode, await ReadAsync("output"), await ReadAsync("errors"));
        }
        finally
        {
            Directory.Delete(results, recursive: true);
        }

        Task<string> ReadAsync(string name) => File.ReadAllTextAsync(Path.Combine(results, name));
    }
}
