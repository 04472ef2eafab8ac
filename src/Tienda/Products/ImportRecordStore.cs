using System.Text.Json;
using Npgsql;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Http;

namespace Tienda.Products;

/// <summary>What is told of imports, and how administrators end them.</summary>
public sealed class ImportRecordStore(NpgsqlDataSource database)
{
    internal const string Columns =
        "id_key, status, dry_run, lines, invalid_lines, created, updated, unchanged, errors::text, created_at, finished_at";

    public Task<Page<ProductImport>> ListAsync(ImportListQuery query, CancellationToken ct)
    {
        var list = new ListStatement(Columns, "product_imports");
        return (query.Status is { } status ? list.Where("status = {0}", status) : list)
            .ReadAsync(database, query, Read, import => import.IdKey, ct);
    }

    public async Task<ProductImport?> FindAsync(long id, CancellationToken ct)
    {
        await using var command = database.Statement($"SELECT {Columns} FROM product_imports WHERE id_key = $1").With(id);
        return await command.FirstAsync(Read, ct);
    }

    /// <summary>Ends an import wherever it is; what was applied stays.</summary>
    /// <returns>What has become of it, or null if there is none with this id.</returns>
    /// <exception cref="PreconditionFailedException">It is no longer as its reader has seen it; nothing was ended.</exception>
    public async Task<ProductImport?> EndAsync(long id, IfMatch condition, CancellationToken ct)
    {
        await using var connection = await database.BorrowAsync(ct);
        await using var transaction = await connection.BeginAsync(ct);
        if (condition.IsSet)
        {
            await using var look = connection.Statement(
                $"SELECT {Columns} FROM product_imports WHERE id_key = $1 FOR NO KEY UPDATE").With(id);
            if (await look.FirstAsync(Read, ct) is not { } seen)
            {
                return null;
            }

            condition.Check(seen);
        }

        await using var batch = connection.Batch();
        AddEnd(batch, "id_key = $1 AND status IN ('receiving', 'applying')").With(id);
        batch.Then($"SELECT {Columns} FROM product_imports WHERE id_key = $1").With(id);
        ProductImport? import;
        await using (var reader = await batch.ReadAsync(ct))
        {
            import = await reader.FirstAsync(Read, ct);
        }

        // Who has gone by now does not keep the next import from being begun.
        await transaction.CommitAsync(CancellationToken.None);
        return import;
    }

    /// <summary>Adds what ends some imports, and lets go of the categories that they keep.</summary>
    internal static NpgsqlBatchCommand AddEnd(NpgsqlBatch batch, string which)
    {
        var end = batch.Then($"UPDATE product_imports SET status = 'abandoned', finished_at = now() WHERE {which}");
        // Apart: what was noted while that waited for the import is to be seen.
        batch.Then(
            """
            DELETE FROM product_import_categories c USING product_imports i
            WHERE i.id_key = c.import_id AND i.status NOT IN ('receiving', 'applying')
            """);
        return end;
    }

    internal static ProductImport Read(NpgsqlDataReader row) => new()
    {
        IdKey = row.GetInt64(0),
        Status = row.GetString(1),
        DryRun = row.GetBoolean(2),
        Lines = row.GetInt64(3),
        InvalidLines = row.GetInt64(4),
        Created = row.GetInt64(5),
        Updated = row.GetInt64(6),
        Unchanged = row.GetInt64(7),
        Errors = JsonSerializer.Deserialize<List<LineError>>(row.GetString(8), TiendaJson.Wire)!,
        CreatedAt = row.GetDateTime(9),
        FinishedAt = row.IsDBNull(10) ? null : row.GetDateTime(10),
    };
}
