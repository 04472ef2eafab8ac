using Npgsql;

namespace Tienda.Data;

/// <summary>The record that a list belongs to.</summary>
/// <param name="Table">Its table.</param>
/// <param name="Visible">SQL that holds if the caller may see it, with <c>$2</c> for the next.</param>
/// <param name="ConfinedTo">The client to whose records the caller is confined, or null.</param>
public sealed record ListOwner(string Table, long Id, string Visible = "true", long? ConfinedTo = null)
{
    internal void AddLookup(NpgsqlBatch batch) =>
        batch.Then($"SELECT FROM {Table} WHERE id_key = $1 AND ({Visible})").With(Id).With(ConfinedTo);
}
