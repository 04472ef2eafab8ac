using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;
using Microsoft.Win32.SafeHandles;
using Tienda.Telemetry;

namespace Tienda.Hosting.Workers;

/// <summary>
/// Ends a process without losing a request. The web server by itself closes connections that are idle at the moment, and a request that is
/// on its way on one of them is lost. So first no new connections are taken, and every answer says that its connection ends with it; only
/// when nobody speaks any more does the server stop.
/// </summary>
public sealed class Draining : IHostedLifecycleService
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Silence = TimeSpan.FromMilliseconds(300);

    // Long enough for the next request of somebody who reads a page in between.
    private static readonly TimeSpan PatientSilence = TimeSpan.FromSeconds(5);

    // Milliseconds of SHUTDOWN_TIMEOUT that are left to the server, which breaks off what is not done by then.
    private const long Reserve = 500;

    private readonly Settings _settings;
    private readonly List<IConnectionListener> _listeners = [];
    private volatile bool _isClosing;
    private volatile bool _isDraining;
    private int _connections;
    private int _requests;
    private long _lastRequest;

    public Draining(Settings settings, IMeterFactory meters)
    {
        _settings = settings;
        meters.Create(ShopMetrics.Meter).CreateObservableUpDownCounter(
            ShopMetrics.RequestsUnderWay, () => Volatile.Read(ref _requests), "{request}", "Requests that are being answered.");
    }

    /// <summary>Whether others are there for new connections, so that there is time to let the old ones end by themselves.</summary>
    public bool IsPatient { get; set; }

    public bool IsUnderWay => _isDraining;

    /// <summary>Whether the shop ends, and not only this worker of it: load balancers should go elsewhere.</summary>
    public bool IsClosing => _isClosing;

    public Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        if (_isDraining)
        {
            context.Response.Headers.Connection = "close";
            Volatile.Write(ref _lastRequest, Environment.TickCount64);
        }

        Interlocked.Increment(ref _requests);
        var answering = next(context);
        if (!answering.IsCompleted)
        {
            return AnsweredLaterAsync(answering);
        }

        Interlocked.Decrement(ref _requests);
        return answering;
    }

    private async Task AnsweredLaterAsync(Task answering)
    {
        try
        {
            await answering;
        }
        finally
        {
            Interlocked.Decrement(ref _requests);
        }
    }

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        _isClosing = !IsPatient;
        if (_isClosing)
        {
            // Who asks from time to time whether to send requests here hears it before the first connection is refused.
            await Task.Delay(TimeSpan.FromSeconds(_settings.ShutdownDelaySeconds), cancellationToken);
        }

        _lastRequest = Environment.TickCount64;
        _isDraining = true;
        foreach (var listener in _listeners)
        {
            await listener.UnbindAsync(cancellationToken);
        }

        if (_settings.Place is { } place)
        {
            // The server leaves open what it has not opened, and new connections would wait in it for nobody.
            new SafeFileHandle(place.Socket, ownsHandle: true).Dispose();
        }

        var silence = IsPatient ? PatientSilence : Silence;
        var end = Environment.TickCount64 + (_settings.ShutdownTimeoutSeconds * 1000L) - Reserve;
        while (Volatile.Read(ref _connections) > 0 && Environment.TickCount64 < end
            && (Volatile.Read(ref _requests) > 0 || Environment.TickCount64 - Volatile.Read(ref _lastRequest) < silence.TotalMilliseconds))
        {
            await Task.Delay(Step, CancellationToken.None);
        }
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    internal void Add(IConnectionListener listener) => _listeners.Add(listener);

    internal async Task CountAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        Interlocked.Increment(ref _connections);
        try
        {
            await next(connection);
        }
        finally
        {
            Interlocked.Decrement(ref _connections);
        }
    }
}

/// <summary>
/// The server's own transport, whose listeners can be told to take no more connections while the others go on. Listening is the last thing
/// that a process does when it starts, so this is where one waits that is not wanted yet.
/// </summary>
/// <param name="supervised">Null without a supervisor.</param>
public sealed class DrainableTransport(
    IOptions<SocketTransportOptions> options, ILoggerFactory logs, Draining draining, SupervisedWorker? supervised = null)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private readonly SocketTransportFactory _sockets = new(options, logs);

    public bool CanBind(EndPoint endpoint) => _sockets.CanBind(endpoint);

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        if (supervised is not null)
        {
            await supervised.WaitUntilWantedAsync(cancellationToken);
        }

        var listener = await _sockets.BindAsync(endpoint, cancellationToken);
        draining.Add(listener);
        return listener;
    }
}
