using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace Tienda.ApiTests.Security;

/// <summary>A connection that sends bytes as they are, which no client that means well would.</summary>
public sealed partial class RawConnection : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    /// <param name="from">The client's own address.</param>
    public static async Task<RawConnection> OpenAsync(Uri server, string from = "127.0.0.1")
    {
        var connection = new RawConnection();
        connection._socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
        await connection._socket.ConnectAsync(IPAddress.Parse(server.Host), server.Port);
        return connection;
    }

    /// <summary>Sends text, one byte for each character.</summary>
    public async Task SendAsync(string text)
    {
        for (var left = Encoding.Latin1.GetBytes(text).AsMemory(); left.Length > 0;)
        {
            left = left[await _socket.SendAsync(left)..];
        }
    }

    /// <summary>Everything that comes until the server closes the connection, which it must.</summary>
    public async Task<string> ReadToEndAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        var (text, buffer) = (new StringBuilder(), new byte[65536]);
        try
        {
            while (await _socket.ReceiveAsync(buffer, patience.Token) is > 0 and var count)
            {
                text.Append(Encoding.UTF8.GetString(buffer, 0, count));
            }
        }
        catch (SocketException reset) when (reset.SocketErrorCode is SocketError.ConnectionReset)
        {
            // So ends a connection whose rest the server did not want to read.
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"The connection stays open after: {text}");
        }

        return text.ToString();
    }

    /// <summary>Sends a piece again and again until the server ends the connection, which it must.</summary>
    /// <param name="read">Whether what comes is read, and answered here.</param>
    public async Task<string> DribbleAsync(string piece, bool read = true)
    {
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            while (!read || !_socket.Poll(0, SelectMode.SelectRead))
            {
                await SendAsync(piece);
                await Task.Delay(100, patience.Token);
            }
        }
        catch (SocketException)
        {
            return "";
        }

        return await ReadToEndAsync();
    }

    public static IReadOnlyList<int> Statuses(string answers) =>
        [.. StatusLine().Matches(answers).Select(line => int.Parse(line.Groups[1].ValueSpan, CultureInfo.InvariantCulture))];

    public void Dispose() => _socket.Dispose();

    [GeneratedRegex(@"^HTTP/1\.1 (\d{3}) ", RegexOptions.Multiline)]
    private static partial Regex StatusLine();
}
