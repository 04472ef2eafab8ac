using System.Collections.Concurrent;
using Npgsql;

namespace Tienda.Data;

/// <summary>The connections of this process that stay open between requests.</summary>
public sealed class OpenConnections
{
    private readonly ConcurrentBag<NpgsqlDataSource> _pools = [];

    /// <summary>Counts a pool among them.</summary>
    public NpgsqlDataSource Of(NpgsqlDataSource pool)
    {
        _pools.Add(pool);
        return pool;
    }

    /// <summary>
    /// Replaces them, those in use as soon as they are free. After the network was away some of them may lead nowhere, and each would hold
    /// up a request until that is noticed.
    /// </summary>
    public void Replace()
    {
        foreach (var pool in _pools)
        {
            pool.Clear();
        }
    }
}
