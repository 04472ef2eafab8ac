using Npgsql;

namespace Tienda.Data;

/// <summary>
/// What a read was made of, if it is to be kept: the snapshot from before it and the tags of everything it shows. One for each request.
/// </summary>
public sealed class CacheFill
{
    private readonly List<string> _tags = [];
    private readonly List<ShownStock> _stock = [];

    /// <summary>Whether anybody will keep the answer. If not, nothing is added to the read.</summary>
    public bool IsWanted { get; set; }

    /// <summary>Null until the read has been made.</summary>
    public Snapshot? Snapshot { get; private set; }

    public string? Incarnation { get; private set; }

    public IReadOnlyList<string> Tags => _tags;

    /// <summary>Of every product that the answer shows, in the answer's order.</summary>
    public IReadOnlyList<ShownStock> Stock => _stock;

    /// <summary>
    /// Adds the question for the snapshot, before the statements that read. Each statement of a batch sees at least what the one before
    /// saw, so the read can only be newer than its stamp. Only on the primary and never in a transaction that writes.
    /// </summary>
    public void AddTo(NpgsqlBatch batch)
    {
        if (IsWanted)
        {
            batch.Then("SELECT snapshot::text, incarnation FROM cache_now");
        }
    }

    /// <summary>Takes the answer, and moves the reader on to the result of the next statement.</summary>
    public async Task ReadAsync(NpgsqlDataReader reader, CancellationToken ct)
    {
        if (!IsWanted)
        {
            return;
        }

        if (await reader.ReadAsync(ct))
        {
            (Snapshot, Incarnation) = (Snapshot.Parse(reader.GetString(0)), reader.GetString(1));
        }

        await reader.NextResultAsync(ct);
    }

    /// <summary>Forgets a read that failed, before it is made again.</summary>
    public void Clear()
    {
        (Snapshot, Incarnation) = (null, null);
        _tags.Clear();
        _stock.Clear();
    }

    /// <summary>Says what the answer shows or depends on.</summary>
    public void Shows(string tag) => _tags.Add(tag);

    /// <summary>Says of which version the stock of a product is that the answer shows.</summary>
    public void ShowsStock(long productId, long version) => _stock.Add(new ShownStock(productId, version));
}

/// <summary>The version of a product's stock that an answer shows.</summary>
public readonly record struct ShownStock(long ProductId, long Version);
