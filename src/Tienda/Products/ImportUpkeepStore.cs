using Npgsql;
using Tienda.Data;

namespace Tienda.Products;

/// <summary>Forgets imports whose time is over.</summary>
public sealed class ImportUpkeepStore(NpgsqlDataSource database)
{
    // Lines of one statement; one for all of a large file would take longer than a statement may.
    private const int Portion = 10_000;

    /// <summary>
    /// Forgets files whose sender has not been heard of for a day, the lines of what has ended, and what became of imports a month ago.
    /// </summary>
    public async Task ForgetAsync(CancellationToken ct)
    {
        List<long> ended;
        await using (var batch = database.Batch())
        {
            ImportRecordStore.AddEnd(batch, "status = 'receiving' AND received_at < now() - interval '1 day'");
            batch.Then(
                """
                SELECT id_key FROM product_imports i WHERE status NOT IN ('receiving', 'applying')
                    AND EXISTS (SELECT FROM product_import_lines l WHERE l.import_id = i.id_key)
                """);
            await using var reader = await batch.ReadAsync(ct);
            ended = await reader.ListAsync(row => row.GetInt64(0), ct);
        }

        foreach (var id in ended)
        {
            await ForgetLinesAsync(id, ct);
        }

        await using var old = database.Statement("DELETE FROM product_imports WHERE finished_at < now() - interval '30 days'");
        await old.ChangeAsync(ct);
    }

    private async Task ForgetLinesAsync(long id, CancellationToken ct)
    {
        for (var last = 0L; ;)
        {
            await using var command = database.Statement(
                """
                WITH gone AS (
                    DELETE FROM product_import_lines WHERE import_id = $1 AND line > $2 AND line <= (
                        SELECT max(line) FROM (
                            SELECT line FROM product_import_lines WHERE import_id = $1 AND line > $2 ORDER BY line LIMIT $3) AS next)
                    RETURNING line)
                SELECT coalesce(max(line), 0) FROM gone
                """)
                .With(id).With(last).With(Portion);
            last = await command.ValueAsync<long>(ct);
            if (last == 0)
            {
                return;
            }
        }
    }
}
