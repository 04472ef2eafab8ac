using System.Net.Sockets;
using System.Text;

namespace Tienda.ApiTests.Hosting;

/// <summary>
/// Clients that send one request after another, each on its own connection, and open another one only when an answer says that the old one
/// ends. Nothing is sent twice, so that a request without an answer is noticed; HTTP libraries would repeat it.
/// </summary>
public sealed class BusyConnections(Uri shop, string path) : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _clients = [];
    private readonly List<string> _losses = [];
    private long _answered;

    public long Answered => Interlocked.Read(ref _answered);

    /// <summary>Requests without an answer, and answers other than 200.</summary>
    public IReadOnlyList<string> Losses
    {
        get
        {
            lock (_losses)
            {
                return [.. _losses];
            }
        }
    }

    public static BusyConnections Start(Uri shop, string path, int count)
    {
        var busy = new BusyConnections(shop, path);
        busy._clients.AddRange(Enumerable.Range(0, count).Select(_ => Task.Run(busy.RunAsync)));
        return busy;
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_clients).WaitAsync(TimeSpan.FromSeconds(30));
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        var request = Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: {shop.Authority}\r\n\r\n");
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                using var connection = new TcpClient();
                await connection.ConnectAsync(shop.Host, shop.Port);
                var ends = false;
                while (!ends && !_stop.IsCancellationRequested)
                {
                    await connection.GetStream().WriteAsync(request);
                    ends = await AnswerEndsConnectionAsync(connection.GetStream());
                    await Task.Delay(2);
                }
            }
            catch (Exception lost) when (lost is IOException or SocketException)
            {
                Note(lost.Message);
            }
        }
    }

    private async Task<bool> AnswerEndsConnectionAsync(NetworkStream stream)
    {
        var answer = new byte[64 * 1024];
        var (length, head) = (0, -1);
        for (; ; )
        {
            var read = await stream.ReadAsync(answer.AsMemory(length));
            length += read;
            head = head >= 0 ? head : answer.AsSpan(0, length).IndexOf("\r\n\r\n"u8);
            var text = head < 0 ? "" : Encoding.ASCII.GetString(answer, 0, head);
            if (head >= 0 && IsComplete(text, answer.AsSpan(head + 4, length - head - 4)))
            {
                if (text.StartsWith("HTTP/1.1 200 ", StringComparison.Ordinal))
                {
                    Interlocked.Increment(ref _answered);
                }
                else
                {
                    Note(text);
                }

                return text.Contains("Connection: close", StringComparison.OrdinalIgnoreCase);
            }

            if (read == 0)
            {
                throw new IOException($"The connection ended behind {length} bytes.");
            }
        }
    }

    private static bool IsComplete(string head, ReadOnlySpan<byte> body)
    {
        var length = head.Split("\r\n").SingleOrDefault(line => line.StartsWith("Content-Length:", StringComparison.Ordinal));
        // Without it, the body comes in chunks, of which the last one is empty.
        return length is null ? body.EndsWith("0\r\n\r\n"u8) : body.Length >= int.Parse(length.Split(':')[1]);
    }

    private void Note(string loss)
    {
        lock (_losses)
        {
            _losses.Add(loss);
        }
    }
}
