using Npgsql;
using Tienda.Data;
using Tienda.Http;

namespace Tienda.Products;

/// <summary>All products, or those that a filter names, as a file that an import takes.</summary>
public sealed class ProductExportStore(NpgsqlDataSource database)
{
    /// <returns>The products, and what was searched for instead of what was typed, if that was corrected.</returns>
    public async Task<(RowExport Rows, string? Corrected)> ReadAsync(
        IProductFilter filter, FileFormat format, CacheFill fill, CancellationToken ct)
    {
        var (selection, _) = await database.ReadSelectedAsync(
            filter, inactiveToo: true, fill, found => IsNothingAsync(found, ct), isNothing => isNothing, ct);
        // In CSV a truth is a word, as it is in JSON.
        var active = format is FileFormat.Csv ? "active::text" : "active";
        var rows = await RowExport.BeginAsync(
            database,
            selection.List(),
            format,
            from =>
                $"""
                SELECT id_key, sku, name, description, price * 0.01 AS price, stock, category_id, category, {active} AS active,
                    rating_average, rating_count, {RowExport.Time("created_at")} AS created_at, {RowExport.Time("updated_at")} AS updated_at
                FROM (SELECT * FROM {from}) AS products
                    LEFT JOIN (SELECT id_key AS shelf, name AS category FROM categories) AS shelves ON shelf = category_id
                ORDER BY id_key
                """,
            ct);
        return (rows, selection.Terms?.Corrected);
    }

    // Only of words that are all known does it tell anything.
    private async Task<bool> IsNothingAsync(ProductSelection selection, CancellationToken ct)
    {
        if (selection.Terms is not { IsTrusted: true })
        {
            return false;
        }

        await using var batch = database.Batch();
        await using var reader = await selection.List().ReadAsync(batch, from => $"SELECT NOT EXISTS (SELECT FROM {from})", ct);
        await reader.ReadAsync(ct);
        return reader.GetBoolean(0);
    }
}
