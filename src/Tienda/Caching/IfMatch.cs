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

    /// <exception cref="PreconditionFailedException">The record is another one now.</exception>
    public void Check(object record)
    {
        var hash = CacheEntry.HashOf(JsonSerializer.SerializeToUtf8Bytes(record, record.GetType(), TiendaJson.Wire));
        foreach (var part in (Value ?? "*").Split(',', StringSplitOptions.TrimEntries))
        {
            // Compared strongly, so W/ matches nothing; in any encoding it is the same record.
            if (part == "*" || CacheEntry.EtagsOf(hash).Contains(part))
            {
                return;
            }
        }

        throw new PreconditionFailedException();
    }
}

/// <summary>What the sender of a write has read is no longer so: 412. Thrown before anything is written.</summary>
public sealed class PreconditionFailedException : Exception;
