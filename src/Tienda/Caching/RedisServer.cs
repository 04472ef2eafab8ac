using System.Diagnostics;
using StackExchange.Redis;
using Tienda.Hosting;
using Tienda.Telemetry;

namespace Tienda.Caching;

/// <summary>
/// The one connection to Redis, made in the background and mended by itself. Everything that uses Redis goes on without it.
/// </summary>
public sealed partial class RedisServer : IAsyncDisposable
{
    /// <summary>How long a request may wait for an answer. A server that takes longer is left alone for <see cref="Pause"/>.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(100);

    private const string WrongType = "WRONGTYPE";

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PingPatience = TimeSpan.FromSeconds(1);

    private readonly Task<ConnectionMultiplexer>? _connecting;
    private readonly RedisMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<RedisServer> _logger;
    private long _pausedUntil;
    private int _isUp;
    private int _isSlow;

    public RedisServer(Settings settings, RedisMetrics metrics, TimeProvider time, ILogger<RedisServer> logger)
    {
        (_metrics, _time, _logger) = (metrics, time, logger);
        IsEnabled = settings.Redis is not null;
        _connecting = settings.Redis is { } address ? ConnectAsync(address) : null;
    }

    /// <summary>Whether the settings name a Redis.</summary>
    public bool IsEnabled { get; }

    /// <summary>The database, or null while it cannot be asked, or did not answer in time a moment ago.</summary>
    public IDatabase? Database => IsPaused ? null : ConnectedDatabase;

    private bool IsPaused => _time.GetTimestamp() < Volatile.Read(ref _pausedUntil);

    private IDatabase? ConnectedDatabase => _connecting is { IsCompletedSuccessfully: true } && Connected is { IsConnected: true } redis
        ? redis.GetDatabase()
        : null;

    /// <summary>
    /// Asks a question on behalf of a request: waits no longer than <see cref="Patience"/>, and after a failure answers null at once for a
    /// while.
    /// </summary>
    /// <param name="command">What the question is called in a trace.</param>
    public async Task<T?> AskAsync<T>(string command, Func<IDatabase, Task<T?>> question) where T : class
    {
        if (Database is not { } database)
        {
            return null;
        }

        using var span = StartSpan(command);
        var (asked, hasFailed) = (Stopwatch.GetTimestamp(), false);
        try
        {
            var answer = await question(database).WaitAsync(Patience, _time);
            NoteSlow(false);
            return answer;
        }
        catch (RedisServerException refused) when (refused.Message.StartsWith(WrongType, StringComparison.Ordinal))
        {
            // Somebody has put something else there. The server is well, and what is set next takes its place.
            return null;
        }
        catch (Exception away) when (away is RedisException or TimeoutException or ObjectDisposedException)
        {
            Volatile.Write(ref _pausedUntil, _time.GetTimestamp() + (long)(Pause.TotalSeconds * _time.TimestampFrequency));
            NoteSlow(away is TimeoutException);
            hasFailed = true;
            span?.SetStatus(ActivityStatusCode.Error, away.Message);
            return null;
        }
        finally
        {
            _metrics.Note(asked, hasFailed);
        }
    }

    private static Activity? StartSpan(string command)
    {
        var span = Tracing.Source.StartActivity(command, ActivityKind.Client);
        span?.SetTag("db.system.name", "redis").SetTag("db.operation.name", command);
        return span;
    }

    /// <summary>Listens to a channel for as long as the program runs, also after the server was away.</summary>
    public async Task ListenAsync(string channel, Action<string> heard, CancellationToken ct)
    {
        try
        {
            // The client listens again by itself only to what it has listened to once.
            while (_connecting is not null && !await TryListenAsync((await _connecting.WaitAsync(ct)).GetSubscriber(), channel, heard))
            {
                await Task.Delay(Pause, _time, ct);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // A shop that could not open is not stopped before it is taken down; the host would report this as its fault.
        }
    }

    private static async Task<bool> TryListenAsync(ISubscriber subscriber, string channel, Action<string> heard)
    {
        try
        {
            await subscriber.SubscribeAsync(RedisChannel.Literal(channel), (_, message) => heard(message.ToString()));
            return true;
        }
        catch (RedisException)
        {
            return false;
        }
    }

    /// <summary>Sends a message and forgets it; also while requests do not ask, because nobody waits for it.</summary>
    public void Tell(string channel, string message) => Try(
        ConnectedDatabase, database => database.Publish(RedisChannel.Literal(channel), message, CommandFlags.FireAndForget));

    /// <summary>Keeps a value for a while, unless the server is away. Nobody waits for it.</summary>
    /// <returns>Whether it was sent.</returns>
    public bool Set(string key, byte[] value, TimeSpan time) => Try(
        Database, database => database.StringSet(key, value, time, flags: CommandFlags.FireAndForget));

    private static bool Try(IDatabase? database, Action<IDatabase> act)
    {
        try
        {
            if (database is not null)
            {
                act(database);
            }

            return database is not null;
        }
        catch (Exception away) when (away is RedisException or TimeoutException or ObjectDisposedException)
        {
            return false;
        }
    }

    private ConnectionMultiplexer Connected => _connecting!.GetAwaiter().GetResult();

    /// <summary>Milliseconds of one question and its answer, or null if there is none within a second.</summary>
    public async Task<double?> LatencyMsAsync()
    {
        if (ConnectedDatabase is not { } database)
        {
            return null;
        }

        try
        {
            var asked = Stopwatch.GetTimestamp();
            await database.PingAsync().WaitAsync(PingPatience);
            return Math.Round(Stopwatch.GetElapsedTime(asked).TotalMilliseconds, 2);
        }
        catch (Exception away) when (away is RedisException or TimeoutException)
        {
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_connecting is not null)
        {
            await (await _connecting).DisposeAsync();
        }
    }

    private async Task<ConnectionMultiplexer> ConnectAsync(RedisAddress address)
    {
        var options = new ConfigurationOptions
        {
            EndPoints = { { address.Host, address.Port } },
            Password = address.Password,
            DefaultDatabase = address.Database,
            ClientName = "tienda",
            AbortOnConnectFail = false,
            ConnectTimeout = 1000,
            ReconnectRetryPolicy = new LinearRetry(1000),
            // Whoever asks has something better to do than to wait for a server that is away.
            BacklogPolicy = BacklogPolicy.FailFast,
            HeartbeatInterval = TimeSpan.FromSeconds(1),
        };
        var redis = await ConnectionMultiplexer.ConnectAsync(options);
        redis.ConnectionFailed += (_, _) => Note(up: false);
        redis.ConnectionRestored += (_, _) => Note(up: true);
        Note(redis.IsConnected, first: true);
        return redis;
    }

    // The connection for commands and the one for messages report separately.
    private void Note(bool up, bool first = false)
    {
        if (Interlocked.Exchange(ref _isUp, up ? 1 : 0) == (up ? 1 : 0) && !(first && !up))
        {
            return;
        }

        if (up)
        {
            Log.Up(_logger);
        }
        else
        {
            Log.Down(_logger);
        }
    }

    private void NoteSlow(bool slow)
    {
        if (Interlocked.Exchange(ref _isSlow, slow ? 1 : 0) != (slow ? 1 : 0))
        {
            if (slow)
            {
                Log.Slow(_logger, Patience.TotalMilliseconds);
            }
            else
            {
                Log.InTime(_logger);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Redis answers.")]
        public static partial void Up(ILogger logger);

        [LoggerMessage(LogLevel.Warning, "Redis cannot be reached; until it can, hosts count calls and processes keep answers alone.")]
        public static partial void Down(ILogger logger);

        [LoggerMessage(LogLevel.Warning, "Redis takes longer than {Milliseconds} ms; until it is in time again it is asked once a second.")]
        public static partial void Slow(ILogger logger, double milliseconds);

        [LoggerMessage(LogLevel.Information, "Redis answers in time again.")]
        public static partial void InTime(ILogger logger);
    }
}
