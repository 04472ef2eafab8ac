using System.Text.Json;

namespace Tienda.Caching;

/// <summary>
/// The <c>If-Match</c> of a write (RFC 9110 13.1.1): it is made only if the record is still the one that the sender has read. Judged under
/// the record's lock, in the transaction that writes.
/// </summary>
/// <param name="Value">The header, or null for a write without a condition.</param>
public readonly record struct IfMatch(string? Value)
{
    public const string Header = "If-Match";

    /// <summary>Whether there is something to judge.</summary>
    public bool IsSet => Value is not null;

    /// <exception cref="PreconditionFailedException">The record is another one now.</exception>
    public void Check(object record)
    {
        if (IsSet && !Holds(record))
        {
            throw new PreconditionFailedException();
        }
    }

    /// <summary>Whether the record is still the one that was read.</summary>
    public bool Holds(object record) => Holds(HashOf(record));

    /// <summary>The ETag of a record as it is answered, uncompressed.</summary>
    public static string EtagOf(object record) => CacheEntry.EtagsOf(HashOf(record))[0];

    private bool Holds(string hash)
    {
        foreach (var part in (Value ?? "*").Split(',', StringSplitOptions.TrimEntries))
        {
            // Compared strongly, so W/ matches nothing; in any encoding it is the same record.
            if (part == "*" || CacheEntry.EtagsOf(hash).Contains(part))
            {
                return true;
            }
        }

        return false;
    }

    private static string HashOf(object record)
    {
        var shown = JsonSerializer.SerializeToUtf8Bytes(record, record.GetType(), TiendaJson.Wire);
        return CacheEntry.HashOf(record is IChangesUnseen unseen ? [.. shown, .. BitConverter.GetBytes(unseen.Version)] : shown);
    }
}

/// <summary>A record that can become another one without looking different.</summary>
public interface IChangesUnseen
{
    /// <summary>Another number after each such change.</summary>
    long Version { get; }
}

/// <summary>What the sender of a write has read is no longer so: 412. Thrown before anything is written.</summary>
public sealed class PreconditionFailedException : Exception;
