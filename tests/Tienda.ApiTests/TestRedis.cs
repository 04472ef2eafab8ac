using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using StackExchange.Redis;
using Tienda.ApiTests.Data;

namespace Tienda.ApiTests;

/// <summary>A throw-away Redis on a port of 127.0.0.1 that keeps nothing.</summary>
public sealed class TestRedis : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private Process? _process;
    private string[] _more = [];

    private TestRedis(string host, int port) => (Host, Port) = (host, port);

    public string Host { get; }

    public int Port { get; }

    /// <summary>The settings that lead a shop here.</summary>
    public Dictionary<string, string> Settings => new()
    {
        ["REDIS_HOST"] = Host,
        ["REDIS_PORT"] = Port.ToString(CultureInfo.InvariantCulture),
    };

    /// <param name="host">An address of this machine.</param>
    /// <param name="port">A port, or null for any that is free.</param>
    /// <param name="more">Arguments behind its own, which they override.</param>
    public static async Task<TestRedis> StartAsync(string host = "127.0.0.1", int? port = null, params string[] more)
    {
        var redis = new TestRedis(host, port ?? FreePort()) { _more = more };
        await redis.OpenAsync();
        return redis;
    }

    /// <summary>Starts it, also again after <see cref="KillAsync"/>.</summary>
    public async Task OpenAsync()
    {
        var port = Port.ToString(CultureInfo.InvariantCulture);
        _process = Process.Start(new ProcessStartInfo(
            "/usr/bin/redis-server",
            ["--port", port, "--bind", Host, "--save", "", "--appendonly", "no", "--logfile", "/dev/null", .. _more]));
        for (var waited = Stopwatch.StartNew(); !await AnswersAsync(); await Task.Delay(20))
        {
            Assert.True(waited.Elapsed < Patience && !_process!.HasExited, "Redis does not start.");
        }
    }

    /// <summary>A client of its own, as an operator's.</summary>
    public Task<ConnectionMultiplexer> ConnectAsync() => ConnectionMultiplexer.ConnectAsync($"{Host}:{Port},allowAdmin=true");

    /// <summary>Stops it where it stands: it takes connections and answers nothing.</summary>
    public Task PauseAsync() => TiendaProgram.SignalAsync("STOP", _process!.Id);

    public Task ResumeAsync() => TiendaProgram.SignalAsync("CONT", _process!.Id);

    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _process = null;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await KillAsync();
        }
    }

    private async Task<bool> AnswersAsync()
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(Host, Port);
            await client.GetStream().WriteAsync("PING\r\n"u8.ToArray());
            var answer = new byte[7];
            await client.GetStream().ReadExactlyAsync(answer);
            return answer.AsSpan().SequenceEqual("+PONG\r\n"u8);
        }
        catch (Exception notYet) when (notYet is SocketException or IOException)
        {
            return false;
        }
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
