using System.Globalization;
using System.IO.Pipes;
using System.Security.Cryptography;

namespace Tienda.Hosting.Workers;

/// <summary>
/// The worker's side of its supervision: says when it takes requests and when it has served enough, and ends when it is told to.
/// </summary>
public sealed class SupervisedWorker(Settings settings, IHostApplicationLifetime lifetime, Draining draining) : IHostedService, IDisposable
{
    private readonly AnonymousPipeClientStream _reports = new(PipeDirection.Out, settings.Place!.Reports);
    private readonly long? _most = MostRequests(settings);
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

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _reports.Dispose();

    // Workers that began together shall not all go at the same time: up to a tenth more.
    private static long? MostRequests(Settings settings) =>
        settings.MaxRequests is { } most ? most + RandomNumberGenerator.GetInt32((most / 10) + 1) : null;

    private void Listen()
    {
        using var orders = new StreamReader(Console.OpenStandardInput());
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
