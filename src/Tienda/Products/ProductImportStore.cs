using System.Text.Json;
using Npgsql;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Http;

namespace Tienda.Products;

/// <summary>The lines of imports in the database: how they come, are judged and are applied (docs/import.md).</summary>
/// <param name="changes">Null where nothing is kept in a cache.</param>
public sealed class ProductImportStore(NpgsqlDataSource database, CacheChanges? changes)
{
    // With more lines than these PostgreSQL has to know how many there are.
    private const int Many = 5_000;

    /// <summary>Begins an import.</summary>
    /// <param name="caller">Who sends it, or null for the user of the database.</param>
    /// <returns>Its id, and the categories that products can be put into.</returns>
    public async Task<(long Id, ImportCategories Categories)> BeginAsync(ImportQuery options, string? caller, CancellationToken ct)
    {
        await using var batch = database.Batch();
        batch.Then(
            """
            INSERT INTO product_imports (skips_invalid, dry_run, caller) VALUES ($1, $2, coalesce($3, current_caller())) RETURNING id_key
            """)
            .With(options.SkipsInvalid).With(options.DryRun ?? false).With(caller);
        batch.Then("SELECT id_key, name FROM categories");
        await using var reader = await batch.ReadAsync(ct);
        await reader.ReadAsync(ct);
        var id = reader.GetInt64(0);
        await reader.NextResultAsync(ct);
        var categories = new ImportCategories();
        while (await reader.ReadAsync(ct))
        {
            categories.Add(reader.GetInt64(0), reader.GetString(1));
        }

        return (id, categories);
    }

    /// <summary>Keeps lines until all have come.</summary>
    /// <exception cref="BusyException">The import was given up meanwhile.</exception>
    public async Task KeepAsync(long id, IReadOnlyList<ImportLine> lines, CancellationToken ct)
    {
        await using var connection = await database.BorrowAsync(ct);
        await using var transaction = await connection.BeginAsync(ct);
        await connection.CopyAsync(
            "product_import_lines (import_id, line, has_description, has_category, product_id, price, category_id, stock, active, "
                + "sku, name, description)",
            lines,
            (row, line) => row.Add(id).Add(line.Number)
                .Add(line.Has(ImportField.Description))
                .Add(line.Has(ImportField.CategoryId) || line.Has(ImportField.Category))
                .Add(line.IdKey)
                .Add(line.Price is { } price ? Money.From(price).MinorUnits : (long?)null)
                .Add(line.CategoryId)
                .Add((int?)line.Stock)
                .Add(line.Active)
                .Add(line.Sku).Add(line.Name).Add(line.Description),
            ct);
        await using var note = connection.Statement(
            "UPDATE product_imports SET lines = lines + $2, received_at = now() WHERE id_key = $1 AND status = 'receiving'")
            .With(id).With((long)lines.Count);
        if (await note.ChangeAsync(ct) == 0)
        {
            throw GivenUp();
        }

        await transaction.CommitAsync(ct);
    }

    /// <summary>Looks at the lines as a whole when the last one has come, and decides what becomes of them.</summary>
    /// <param name="kept">How many lines were kept.</param>
    /// <param name="errors">What is wrong with the others.</param>
    /// <exception cref="BusyException">The import was given up meanwhile.</exception>
    public async Task<ProductImport> DecideAsync(long id, ImportQuery options, long kept, ImportErrors errors, CancellationToken ct)
    {
        if (kept > Many)
        {
            await CountLinesAsync(ct);
        }

        await KeepCategoriesAsync(id, ct);
        await using var connection = await database.BorrowAsync(ct);
        await using var transaction = await connection.BeginAsync(ct);
        var (wrong, first) = await FindWrongAsync(connection, id, options.SkipsInvalid, ct);
        var invalid = errors.Lines + wrong;
        var status = errors.IsFatal || (invalid > 0 && !options.SkipsInvalid) ? "refused" : options.DryRun is true ? "checked" : "applying";
        var told = errors.First.Concat(first).OrderBy(error => error.Line).Take(ImportErrors.Most).ToList();
        await using var batch = connection.Batch();
        batch.Timeout = 0;
        batch.Then(
            $"""
            WITH found AS (
                SELECT count(*) AS waiting, count(coalesce(s.id_key, i.id_key)) AS known
                FROM product_import_lines l LEFT JOIN products s ON s.sku = l.sku
                    LEFT JOIN products i ON i.id_key = l.product_id AND l.sku IS NULL
                WHERE l.import_id = $1 AND $2 = 'checked')
            UPDATE product_imports SET
                status = $2, turn = CASE WHEN $2 = 'applying' THEN nextval('product_imports_turn') END,
                known_to = (SELECT coalesce(max(id_key), 0) FROM products),
                lines = lines + $3, invalid_lines = $4, errors = $5::jsonb,
                created = found.waiting - found.known, updated = found.known,
                finished_at = CASE WHEN $2 <> 'applying' THEN now() END
            FROM found WHERE id_key = $1 AND status = 'receiving'
            RETURNING {ImportRecordStore.Columns}
            """)
            .With(id).With(status).With(errors.Lines).With(invalid)
            .With(JsonSerializer.Serialize(told, TiendaJson.Wire));
        if (status is not "applying")
        {
            batch.Then("DELETE FROM product_import_lines WHERE import_id = $1").With(id);
            batch.Then("DELETE FROM product_import_categories WHERE import_id = $1").With(id);
        }

        ProductImport? import = null;
        await using (var reader = await batch.ReadAsync(ct))
        {
            do
            {
                import = reader.FieldCount > 0 && await reader.ReadAsync(ct) ? ImportRecordStore.Read(reader) : import;
            }
            while (await reader.NextResultAsync(ct));
        }

        if (import is null)
        {
            throw GivenUp();
        }

        await transaction.CommitAsync(ct);
        return import;
    }

    /// <summary>Ends an import whose end has not come. Its lines are forgotten later.</summary>
    public async Task GiveUpAsync(long id, CancellationToken ct)
    {
        await using var batch = database.Batch();
        ImportRecordStore.AddEnd(batch, "id_key = $1 AND status = 'receiving'").With(id);
        await batch.ChangeAsync(ct);
    }

    /// <summary>Applies some of what waits.</summary>
    /// <param name="portion">So many lines at most. A quarter as many products that exist are locked at once.</param>
    /// <param name="until">Nothing more when this import has ended; null for whatever waits.</param>
    /// <returns>The import that it belongs to, 0 if somebody else is at it, or null if nothing waits.</returns>
    public async Task<long?> ApplyAsync(int portion, long? until, CancellationToken ct)
    {
        await using var batch = database.Batch();
        // Less than anybody waits for what it holds. A single line cannot be divided.
        batch.Then("SELECT set_config('statement_timeout', $1, true)").With(portion > 1 ? "3s" : "15s");
        batch.Then(
            """
            SELECT apply_import_lines($1)
            WHERE $2 IS NULL OR EXISTS (SELECT FROM product_imports WHERE id_key = $2 AND status = 'applying')
            """).With(portion).With(until);
        if (changes is not null)
        {
            return await changes.RunAsync(batch, ReadAppliedAsync, ct);
        }

        await using var reader = await batch.ReadAsync(ct);
        return await ReadAppliedAsync(reader);

        async Task<long?> ReadAppliedAsync(NpgsqlDataReader reader)
        {
            await reader.NextResultAsync(ct);
            return await reader.ReadAsync(ct) ? reader.GetInt64(0) : null;
        }
    }

    /// <summary>Adds up what many portions have left in product_counts.</summary>
    public async Task AddUpAsync(CancellationToken ct)
    {
        await using var command = database.Statement("SELECT add_up_product_counts()");
        await command.ChangeAsync(ct);
    }

    // Those that are there now stay until it is known what becomes of the import. The note is committed at once: a lock until then would
    // keep them from being renamed for as long as the decision takes.
    private async Task KeepCategoriesAsync(long id, CancellationToken ct)
    {
        await using var batch = database.Batch();
        batch.Timeout = 0;
        batch.Then("SELECT set_config('statement_timeout', '0', true)");
        // Whoever ends it waits, and finds what is noted.
        batch.Then("UPDATE product_imports SET received_at = now() WHERE id_key = $1 AND status = 'receiving'").With(id);
        batch.Then(
            """
            INSERT INTO product_import_categories
            SELECT $1, id_key FROM (
                SELECT id_key FROM categories
                WHERE id_key IN (SELECT category_id FROM product_import_lines WHERE import_id = $1)
                    AND EXISTS (SELECT FROM product_imports WHERE id_key = $1 AND status = 'receiving')
                ORDER BY id_key FOR KEY SHARE) AS named
            """).With(id);
        await batch.ChangeAsync(ct);
    }

    private static async Task<(long Count, List<LineError> First)> FindWrongAsync(
        NpgsqlConnection connection, long id, bool leaveOut, CancellationToken ct)
    {
        await using var batch = connection.Batch();
        // A large file takes longer than a request may.
        batch.Timeout = 0;
        batch.Then("SET LOCAL statement_timeout = 0");
        batch.Then(
            """
            WITH wrong AS MATERIALIZED (SELECT line, field, message FROM wrong_import_lines($1)),
            gone AS (DELETE FROM product_import_lines WHERE import_id = $1 AND $2 AND line IN (SELECT line FROM wrong))
            SELECT line, field, message, (SELECT count(DISTINCT line) FROM wrong) FROM wrong ORDER BY line, field LIMIT $3
            """)
            .With(id).With(leaveOut).With(ImportErrors.Most);
        var (count, first) = (0L, new List<LineError>());
        await using var reader = await batch.ReadAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            first.Add(new LineError { Line = reader.GetInt64(0), Field = reader.GetString(1), Message = reader.GetString(2) });
            count = reader.GetInt64(3);
        }

        return (count, first);
    }

    private static BusyException GivenUp() =>
        new("The import was given up: nothing was heard of its sender for a day, or an administrator has ended it.");

    // What is there, for a plan. Whoever is at it already, or keeps it from being done, must not cost the sender the file.
    private async Task CountLinesAsync(CancellationToken ct)
    {
        try
        {
            await using var count = database.Statement("ANALYZE (SKIP_LOCKED) product_import_lines");
            await count.ChangeAsync(ct);
        }
        catch (Exception failed) when (DatabaseFailure.Read(failed) is not null)
        {
        }
    }
}
