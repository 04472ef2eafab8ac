using Npgsql;
using Tienda.Data;

namespace Tienda.Products;

/// <summary>
/// How common words are among the products, and how well known the better known products are: from PostgreSQL's statistics, asked by
/// CatalogUpkeep. They may be old and are never exact: they decide where is looked first, not what is found.
/// </summary>
public sealed class CatalogStatisticsStore(NpgsqlDataSource database)
{
    private volatile CatalogFigures? _figures;

    /// <summary>As they were asked for last; null if they have not been asked for yet.</summary>
    public CatalogFigures? Figures => _figures;

    /// <summary>Asks for them.</summary>
    public async Task AskAsync(CancellationToken ct)
    {
        await using var batch = database.Batch();
        batch.Then("SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'products'::regclass");
        // Behind the frequencies of the words stand the lowest and the highest of them.
        batch.Then(
            """
            SELECT word, frequency
            FROM pg_stats s JOIN pg_namespace n ON n.nspname = s.schemaname
                JOIN pg_class c ON (c.relnamespace, c.relname) = (n.oid, s.tablename)
                CROSS JOIN unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs) AS common (word, frequency)
            WHERE c.oid = 'products'::regclass AND s.attname = 'search' AND NOT s.inherited AND word IS NOT NULL
            """);
        // The last tier that is met may go on behind the last product that is looked at.
        batch.Then(
            """
            SELECT tier, sum(products)::bigint FROM (
                SELECT (popularity_tier(rating_count))[1] AS tier, count(*) AS products FROM (
                    SELECT rating_count FROM products ORDER BY rating_count DESC, id_key DESC
                    LIMIT (
                        SELECT least(greatest(reltuples, 0) / 8, 200000)::bigint FROM pg_class WHERE oid = 'products'::regclass)) AS known
                GROUP BY rating_count) AS counted
            GROUP BY tier ORDER BY tier DESC
            """);
        await using var reader = await batch.ReadAsync(ct);
        await reader.ReadAsync(ct);
        var products = reader.GetInt64(0);
        await reader.NextResultAsync(ct);
        var words = await reader.ListAsync(row => (Word: row.GetString(0), Share: (double)row.GetFloat(1)), ct);
        await reader.NextResultAsync(ct);
        var tiers = await reader.ListAsync(row => (Tier: row.GetInt16(0), Products: row.GetInt64(1)), ct);
        _figures = new CatalogFigures(products, words, tiers.SkipLast(1));
    }
}
