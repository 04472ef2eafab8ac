using System.Net.Sockets;
using System.Text;

namespace Tienda.Telemetry.Reports;

/// <summary>What came of asking a worker for its figures.</summary>
/// <param name="Report">The newest that there are, or null if it has left none.</param>
/// <param name="IsAlive">Whether there is somebody who could be asked.</param>
/// <param name="IsSilent">Whether it did not answer in time, so that the report is its last one.</param>
public readonly record struct WorkerAnswer(MetricReport? Report, bool IsAlive, bool IsSilent);

/// <summary>Asks a worker for its figures.</summary>
public static class WorkerQuestion
{
    /// <param name="deadline">When to take what it has reported before instead.</param>
    public static async Task<WorkerAnswer> AskAsync(WorkerFiles worker, CancellationToken deadline)
    {
        var isAlive = true;
        try
        {
            return new WorkerAnswer(MetricText.Read(await HearAsync(worker, deadline)), IsAlive: true, IsSilent: false);
        }
        catch (SocketException refused)
        {
            // Nobody listens, or there is nothing to connect to.
            isAlive = refused.SocketErrorCode is not (SocketError.ConnectionRefused or SocketError.AddressNotAvailable);
        }
        catch (Exception half) when (half is OperationCanceledException or IOException or FormatException)
        {
            // It hangs, or has just ended.
        }

        return new WorkerAnswer(await LastAsync(worker), isAlive, isAlive);
    }

    private static async Task<string> HearAsync(WorkerFiles worker, CancellationToken deadline)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(worker.Socket), deadline);
        using var told = new StreamReader(new NetworkStream(socket), Encoding.UTF8);
        return await told.ReadToEndAsync(deadline);
    }

    private static async Task<MetricReport?> LastAsync(WorkerFiles worker)
    {
        try
        {
            return MetricText.Read(await File.ReadAllTextAsync(worker.Report, CancellationToken.None));
        }
        catch (Exception gone) when (gone is IOException or FormatException)
        {
            return null;
        }
    }
}
