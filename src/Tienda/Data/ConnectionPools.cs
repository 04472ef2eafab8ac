using System.Collections.Concurrent;
using Npgsql;

namespace Tienda.Data;

/// <summary>
/// The pools of a process. When the database server was restarted each of them is full of connections that are none. Whoever notices it
/// first has all of them emptied: the reader of the log, who asks twice a second, or a read that met such a connection.
/// </summary>
public sealed class ConnectionPools
{
    private readonly ConcurrentBag<NpgsqlDataSource> _pools = [];

    public void Add(NpgsqlDataSource pool) => _pools.Add(pool);

    /// <summary>Closes what is idle now, and what is in use when it comes back.</summary>
    public void Clear()
    {
        foreach (var pool in _pools)
        {
            pool.Clear();
        }
    }
}
