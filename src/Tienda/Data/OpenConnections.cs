using System.Collections.Concurrent;
using Npgsql;
using Tienda.Hosting;

namespace Tienda.Data;

/// <summary>The connections of this process that stay open between requests, and what has to be done with them around an outage.</summary>
public sealed class OpenConnections(Settings settings)
{
    private readonly ConcurrentBag<NpgsqlDataSource> _pools = [];
    private (int Workers, int Completion) _threads;
    private bool _isAway;

    /// <summary>Counts a pool among them.</summary>
    public NpgsqlDataSource Of(NpgsqlDataSource pool)
    {
        _pools.Add(pool);
        return pool;
    }

    /// <summary>
    /// Nothing is heard of the server. Each statement that is given up keeps a thread of the process busy, while the driver tries to tell the
    /// server of it (https://github.com/npgsql/npgsql/issues/3696); without a thread for each of them everybody else would have to wait.
    /// </summary>
    public void NoteAway()
    {
        if (!_isAway)
        {
            _isAway = true;
            ThreadPool.GetMinThreads(out _threads.Workers, out _threads.Completion);
            ThreadPool.SetMinThreads(
                _threads.Workers + settings.PoolSize + settings.PoolMaxOverflow + Database.ConnectionsBesideThePool, _threads.Completion);
        }
    }

    /// <summary>
    /// It answers again. All connections are replaced, those in use as soon as they are free: some of them may lead nowhere, and each would
    /// hold up a request until that is noticed.
    /// </summary>
    public void NoteBack()
    {
        if (_isAway)
        {
            _isAway = false;
            ThreadPool.SetMinThreads(_threads.Workers, _threads.Completion);
            foreach (var pool in _pools)
            {
                pool.Clear();
            }
        }
    }
}
