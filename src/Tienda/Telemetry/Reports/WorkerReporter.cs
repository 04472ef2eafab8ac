using System.Net.Sockets;
using System.Text;
using Tienda.Hosting;

namespace Tienda.Telemetry.Reports;

/// <summary>
/// Tells the other workers of the host the figures of this one. What it tells stands in its file before anybody hears it, so that it is not
/// lost whatever happens to this process; and once a second it writes there what nobody has asked for. All of it on a thread of its own: a
/// process that has no thread left for its requests still reports.
/// </summary>
public sealed partial class WorkerReporter(
    ProcessReport figures, Settings settings, IHostApplicationLifetime lifetime, ILogger<WorkerReporter> logger)
    : IHostedLifecycleService, IDisposable
{
    private const int Waiting = 16;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly WorkerFiles _files = settings.Place!.Files!;
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private volatile bool _ends;
    private Thread? _thread;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        // One that only waits is none of those whose figures are added up. Before the supervisor hears that it takes requests: what is
        // registered last is called first.
        lifetime.ApplicationStarted.Register(Begin);
        return Task.CompletedTask;
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Nothing is counted any more: the last report.</summary>
    public async Task StoppedAsync(CancellationToken cancellationToken)
    {
        if (_thread is { } thread)
        {
            _ends = true;
            using var deadline = new CancellationTokenSource(Patience);
            await WorkerQuestion.AskAsync(_files, deadline.Token);
            thread.Join(Patience);
        }
    }

    public void Dispose() => _socket.Dispose();

    private void Begin()
    {
        // From now on it is one of the workers, even if it hangs before it has anything to report.
        Keep(new MetricReport());
        try
        {
            _socket.Bind(new UnixDomainSocketEndPoint(_files.Socket));
            _socket.Listen(Waiting);
            _thread = new Thread(Run) { IsBackground = true, Name = "metrics" };
            _thread.Start();
        }
        catch (Exception refused) when (refused is SocketException or ArgumentException)
        {
            // The others go on without it, and the shop with it.
            Log.Mute(logger, _files.Socket, refused.Message);
        }
    }

    private void Run()
    {
        var isFirst = true;
        while (!_ends)
        {
            try
            {
                using var asking = !isFirst && _socket.Poll(Interval, SelectMode.SelectRead) ? _socket.Accept() : null;
                isFirst = false;
                var text = Keep(figures.Read());
                if (asking is not null)
                {
                    // Whoever asks and does not listen must not keep the others waiting.
                    asking.SendTimeout = (int)Patience.TotalMilliseconds;
                    asking.Send(Encoding.UTF8.GetBytes(text));
                }
            }
            catch (SocketException)
            {
                // Whoever asked has gone, or does not listen.
            }
            catch (Exception fault)
            {
                // A thread that ends with an exception ends the process.
                Log.Failed(logger, fault);
            }
        }

        // From now on whoever asks is refused, and takes the file.
        _socket.Dispose();
    }

    private string Keep(MetricReport report)
    {
        var text = MetricText.Write(report);
        try
        {
            WorkerFiles.Write(_files.Report, text);
        }
        catch (Exception full) when (full is IOException or UnauthorizedAccessException)
        {
            // What is told and not kept is missing in the sum when this process ends.
            Log.NotKept(logger, _files.Report, full.Message);
        }

        return text;
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Error, "The figures of this worker could not be reported.")]
        public static partial void Failed(ILogger logger, Exception fault);

        [LoggerMessage(LogLevel.Warning, "The figures of this worker are missing, because {Socket} cannot be listened on: {Reason}")]
        public static partial void Mute(ILogger logger, string socket, string reason);

        [LoggerMessage(LogLevel.Warning, "The figures of this worker will get lost with it, because {File} cannot be written: {Reason}")]
        public static partial void NotKept(ILogger logger, string file, string reason);
    }
}
