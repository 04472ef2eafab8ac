using System.Globalization;
using System.IO.Pipes;
using System.Security.Cryptography;

namespace Tienda.Hosting.Workers;

/// <summary>
/// The worker's side of its supervision: begins when it is told to, says when it takes requests and when it has served enough, and ends
/// when it is told to.
/// </summary>
public sealed class SupervisedWorker(Settings settings, IHostApplicationLifetime lifetime, Draining draining) : IHostedService, IDisposable
{
    private readonly AnonymousPipeClientStream _reports = new(PipeDirection.Out, settings.Place!.Reports);
    private readonly long? _most = MostRequests(settings);
    private readonly TaskCompletionSource<bool> _isWanted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _served;

    public bool CountsRequests => _most is not null;

    public Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        if (Interlocked.Increment(ref _served) == _most)
        {
            Report(string.Create(CultureInfo.InvariantCulture, $"{WorkerProcess.Tired}{_most}"));
        }

        return next(context);
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        lifetime.ApplicationStarted.Register(() => Report(WorkerProcess.Ready));
        new Thread(Listen) { IsBackground = true, Name = "supervisor" }.Start();
        return Task.CompletedTask;
    }

    /// <summary>Says that only listening is left to do, and waits until that is wanted. If it never will be, the process ends.</summary>
    public async Task WaitUntilWantedAsync(CancellationToken ct)
    {
        Report(WorkerProcess.Waiting);
        var isWanted = _isWanted.Task;
        await Task.WhenAny(isWanted, Task.Delay(Timeout.Infinite, ct));
        if (!isWanted.IsCompleted || !await isWanted)
        {
            // Nothing has begun that could be finished.
            Environment.Exit(0);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _reports.Dispose();

    // Workers that began together shall not all go at the same time: up to a tenth more.
    private static long? MostRequests(Settings settings) =>
        settings.MaxRequests is { } most ? most + RandomNumberGenerator.GetInt32((most / 10) + 1) : null;

    private void Listen()
    {
        using var orders = new StreamReader(Console.OpenStandardInput());
        _isWanted.SetResult(orders.ReadLine() == WorkerProcess.Begin);
        // Its end means that there is no supervisor any more.
        draining.IsPatient = orders.ReadLine() == WorkerProcess.Retire;
        lifetime.StopApplication();
    }

    private void Report(string word)
    {
        try
        {
            _reports.Write(System.Text.Encoding.ASCII.GetBytes(word + "\n"));
            _reports.Flush();
        }
        catch (IOException)
        {
            // The supervisor is gone; Listen notices.
        }
    }
}
