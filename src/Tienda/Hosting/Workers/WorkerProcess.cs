using System.Diagnostics;
using System.Globalization;
using System.IO.Pipes;
using System.Runtime.InteropServices;
using Tienda.Telemetry.Reports;

namespace Tienda.Hosting.Workers;

/// <summary>One worker, as the supervisor sees it.</summary>
public sealed partial class WorkerProcess : IDisposable
{
    /// <summary>What a worker says when it could take requests.</summary>
    public const string Waiting = "waiting";

    /// <summary>What a worker says when it takes requests.</summary>
    public const string Ready = "ready";

    /// <summary>What it says, before a number, when it has served so many requests and would like to be followed by another one.</summary>
    public const string Tired = "tired ";

    /// <summary>What the supervisor says to a worker that shall take requests.</summary>
    public const string Begin = "begin";

    /// <summary>What the supervisor says to a worker whose successor is there: it may take its time.</summary>
    public const string Retire = "retire";

    private const int SignalToEnd = 15; // SIGTERM

    private readonly Process _process;
    private readonly AnonymousPipeServerStream _reports;
    private readonly TaskCompletionSource _waiting = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<long> _tired = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly long _began = Stopwatch.GetTimestamp();

    private WorkerProcess(int number, Process process, AnonymousPipeServerStream reports, WorkerFiles? files)
    {
        (Number, Id, Files, _process, _reports) = (number, process.Id, files, process, reports);
        Ended = process.WaitForExitAsync();
        _ = ListenAsync();
    }

    public int Number { get; }

    public int Id { get; }

    /// <summary>Where it leaves its figures, or null if there is no folder for them.</summary>
    public WorkerFiles? Files { get; }

    public int ExitCode => _process.ExitCode;

    public TimeSpan Age => Stopwatch.GetElapsedTime(_began);

    public Task Ended { get; }

    /// <summary>Ends when it could take requests at once, and never if it ends before.</summary>
    public Task IsWaiting => _waiting.Task;

    /// <summary>Ends when it takes requests, and never if it ends before.</summary>
    public Task IsReady => _ready.Task;

    /// <summary>Ends when it asks for a successor, with the number of requests that it has served.</summary>
    public Task<long> IsTired => _tired.Task;

    public static WorkerProcess Start(
        int number, ListeningSocket socket, IReadOnlyDictionary<string, string> environment, WorkerFiles? files)
    {
        var reports = new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.Inheritable);
        var start = new ProcessStartInfo { FileName = Environment.ProcessPath!, UseShellExecute = false, RedirectStandardInput = true };
        var words = Environment.GetCommandLineArgs();
        // The first word is the program's dll, which only `dotnet` has to be told.
        foreach (var word in words.Skip(Path.GetFileNameWithoutExtension(start.FileName) == "dotnet" ? 0 : 1))
        {
            start.ArgumentList.Add(word);
        }

        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        start.Environment[WorkerPlace.Variable] =
            new WorkerPlace(number, socket.Descriptor, reports.GetClientHandleAsString(), files).ToString();
        var process = Process.Start(start)!;
        reports.DisposeLocalCopyOfClientHandle();
        return new WorkerProcess(number, process, reports, files);
    }

    /// <summary>Lets it take requests, as soon as it has got so far.</summary>
    public Task BeginAsync() => SayAsync(Begin);

    /// <summary>Asks it to end as soon as what it has begun is done.</summary>
    public void End() => _ = Signal(Id, SignalToEnd);

    /// <summary>The same, but it waits for idle connections to say goodbye.</summary>
    public Task RetireAsync() => SayAsync(Retire);

    public void Kill() => _process.Kill();

    public void Dispose()
    {
        _reports.Dispose();
        _process.Dispose();
    }

    private async Task SayAsync(string word)
    {
        try
        {
            await _process.StandardInput.WriteLineAsync(word);
            await _process.StandardInput.FlushAsync();
        }
        catch (IOException)
        {
            // It has ended by itself.
        }
    }

    private async Task ListenAsync()
    {
        using var lines = new StreamReader(_reports, leaveOpen: true);
        while (await lines.ReadLineAsync() is { } line)
        {
            if (line == Waiting)
            {
                _waiting.TrySetResult();
            }
            else if (line == Ready)
            {
                _ready.TrySetResult();
            }
            else if (line.StartsWith(Tired, StringComparison.Ordinal)
                && long.TryParse(line.AsSpan(Tired.Length), CultureInfo.InvariantCulture, out var served))
            {
                _tired.TrySetResult(served);
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Signal(int process, int signal);
}

/// <summary>
/// What a worker is told by its supervisor: its number, the descriptors of the listening socket and of its reports, and where it leaves its
/// figures, unless there is no folder for them.
/// </summary>
public sealed record WorkerPlace(int Number, int Socket, string Reports, WorkerFiles? Files)
{
    public const string Variable = "TIENDA_WORKER";

    private const int Parts = 5;

    public static WorkerPlace Parse(string text) => text.Split(':', Parts) switch
    {
        [var number, var socket, var reports] => new WorkerPlace(Whole(number), Whole(socket), reports, null),
        [var number, var socket, var reports, var sequence, var folder] => new WorkerPlace(
            Whole(number), Whole(socket), reports, new WorkerFiles(folder, Whole(number), Whole(sequence))),
        _ => throw new SettingsException($"{Variable} is set by the supervisor only."),
    };

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Number}:{Socket}:{Reports}") + (Files is { } files
            ? string.Create(CultureInfo.InvariantCulture, $":{files.Sequence}:{files.Folder}")
            : "");

    private static int Whole(string number) => int.Parse(number, CultureInfo.InvariantCulture);
}
