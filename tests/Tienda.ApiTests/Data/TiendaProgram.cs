using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Tienda.ApiTests.Data;

/// <summary>The built program in a process of its own, started in a folder as a person would.</summary>
public sealed partial class TiendaProgram : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly bool _isSearched;
    private Uri? _announced;
    private readonly TaskCompletionSource<Uri> _url = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private TiendaProgram(Process process, bool isSearched) => (_process, _isSearched) = (process, isSearched);

    /// <summary>The number of its process.</summary>
    public int Id => _process.Id;

    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    /// <summary>
    /// Starts <c>tienda</c> with arguments in a folder; settings of this test run do not reach it. It gets the tests' secrets,
    /// unless the settings say otherwise.
    /// </summary>
    public static TiendaProgram Start(string folder, string[] arguments, Dictionary<string, string>? settings = null) =>
        Run(folder, ["dotnet", typeof(Program).Assembly.Location, .. arguments], settings);

    public static TiendaProgram StartCommand(string folder, params string[] command) => Run(folder, command, null);

    /// <summary>Waits for the banner and answers an administrator's client for the address in it.</summary>
    public async Task<HttpClient> OpenAsync()
    {
        var (ended, late) = (_process.WaitForExitAsync(), Task.Delay(Patience));
        var first = await Task.WhenAny(_url.Task, ended, late);
        Assert.False(first == ended, $"The program has ended:\n{Output}");
        Assert.False(first == late, $"The program is not open after {Patience}:\n{Output}");

        return ShopApp.AsAdministrator(new HttpClient { BaseAddress = await _url.Task });
    }

    public async Task<int> ExitCodeAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(Patience);
        return _process.ExitCode;
    }

    /// <summary>Ends the process at once, as a crash does.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync().WaitAsync(Patience);
    }

    public Task SignalAsync(string signal) => SignalAsync(signal, _process.Id);

    public static async Task SignalAsync(string signal, int process)
    {
        using var kill = Process.Start("/bin/sh", ["-c", $"kill -{signal} {process.ToString(CultureInfo.InvariantCulture)}"]);
        await kill.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        // What it started holds its output open, and the wait for its end would not end.
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync().WaitAsync(Patience);

        _process.Dispose();
    }

    private static TiendaProgram Run(string folder, string[] command, Dictionary<string, string>? settings)
    {
        // A run of the tests in the background has SIGINT ignored, and whom it starts would inherit that.
        var start = new ProcessStartInfo("/usr/bin/env", ["--default-signal=INT", .. command])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("POSTGRES_", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        start.Environment["JWT_SECRET"] = ShopApp.JwtSecret;
        start.Environment["ADMIN_API_KEY"] = ShopApp.AdminApiKey;
        foreach (var (name, value) in settings ?? [])
        {
            start.Environment[name] = value;
        }

        // These answer the operator who has asked, and are no log.
        var answers = command.Contains("administrators") || command.Contains("config");
        var program = new TiendaProgram(Process.Start(start)!, isSearched: !answers);
        program._process.OutputDataReceived += (_, line) => program.Note(line.Data);
        program._process.ErrorDataReceived += (_, line) => program.Note(line.Data);
        program._process.BeginOutputReadLine();
        program._process.BeginErrorReadLine();
        return program;
    }

    [GeneratedRegex(@"^\s*API +(?<url>\S+)|""Url"":""(?<url>[^""]+)""")]
    private static partial Regex AddressOfShop();

    [GeneratedRegex(@"^\s*stop +Ctrl\+C|""Url"":")]
    private static partial Regex EndOfBanner();

    private void Note(string? line)
    {
        lock (_output)
        {
            _output.AppendLine(line);
        }

        if (_isSearched && line is not null)
        {
            ShopOutput.Search(line);
        }

        // In the banner, which is there when its last line is, or in the line that stands for it in JSON logs.
        if (line is not null && AddressOfShop().Match(line) is { Success: true } found)
        {
            _announced = new Uri(found.Groups["url"].Value);
        }

        if (_announced is not null && line is not null && EndOfBanner().IsMatch(line))
        {
            _url.TrySetResult(_announced);
        }
    }
}

/// <summary>A folder to start the program in. What a failed test left running in it ends with it.</summary>
public sealed class ShopFolder : IAsyncDisposable
{
    public ShopFolder(params string[] below)
    {
        Root = Directory.CreateTempSubdirectory("tienda-test-").FullName;
        // Enterable for other users, as an ordinary folder is.
        File.SetUnixFileMode(Root, (UnixFileMode)0b111_101_101);
        Path = System.IO.Path.Combine([Root, .. below]);
        Directory.CreateDirectory(Path);
    }

    public string Root { get; }

    public string Path { get; }

    public string Cluster => System.IO.Path.Combine(Path, "data", "postgres");

    /// <summary>The number of the PostgreSQL process, or null if none left its file.</summary>
    public int? Postmaster => File.Exists(System.IO.Path.Combine(Cluster, "postmaster.pid"))
        ? int.Parse(File.ReadLines(System.IO.Path.Combine(Cluster, "postmaster.pid")).First(), CultureInfo.InvariantCulture)
        : null;

    /// <summary>The number of the program that runs on this folder.</summary>
    public int Owner => int.Parse(File.ReadAllText(Cluster + ".pid"), CultureInfo.InvariantCulture);

    public async ValueTask DisposeAsync()
    {
        if (Postmaster is { } left)
        {
            await TiendaProgram.SignalAsync("QUIT", left);
            for (var patience = 250; patience > 0 && Postmaster is not null && Directory.Exists($"/proc/{left}"); patience--)
            {
                await Task.Delay(20);
            }
        }

        var link = new DirectoryInfo(Cluster);
        if (link.LinkTarget is { } elsewhere)
        {
            Directory.Delete(elsewhere, recursive: true);
            File.Delete(elsewhere + ".lock");
            File.Delete(elsewhere + ".pid");
        }

        Directory.Delete(Root, recursive: true);
    }
}
