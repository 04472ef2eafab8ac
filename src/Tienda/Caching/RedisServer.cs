using System.Diagnostics;
using StackExchange.Redis;
using Tienda.Hosting;

namespace Tienda.Caching;

/// <summary>
/// The one connection to Redis, made in the background and mended by itself. Everything that uses Redis goes on without it.
/// </summary>
public sealed partial class RedisServer : IAsyncDisposable
{
    private static readonly TimeSpan PingPatience = TimeSpan.FromSeconds(1);

    private readonly Task<ConnectionMultiplexer>? _connecting;
    private readonly ILogger<RedisServer> _logger;
    private int _isUp;

    public RedisServer(Settings settings, ILogger<RedisServer> logger)
    {
        _logger = logger;
        IsEnabled = settings.Redis is not null;
        _connecting = settings.Redis is { } address ? ConnectAsync(address) : null;
    }

    /// <summary>Whether the settings name a Redis.</summary>
    public bool IsEnabled { get; }

    /// <summary>The database, or null while it cannot be asked.</summary>
    public IDatabase? Database => _connecting is { IsCompletedSuccessfully: true } && Connected is { IsConnected: true } redis
        ? redis.GetDatabase()
        : null;

    private ConnectionMultiplexer Connected => _connecting!.GetAwaiter().GetResult();

    /// <summary>Milliseconds of one question and its answer, or null if there is none within a second.</summary>
    public async Task<double?> LatencyMsAsync()
    {
        if (Database is not { } database)
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

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Redis answers.")]
        public static partial void Up(ILogger logger);

        [LoggerMessage(LogLevel.Warning, "Redis does not answer; each host counts calls for itself until it does.")]
        public static partial void Down(ILogger logger);
    }
}
