using Npgsql;
using Tienda.Data;

namespace Tienda.Products;

/// <summary>Looks up what a filter names: PostgreSQL finds the best way to products only when it is told what is looked for.</summary>
internal static class ProductFilterStore
{
    /// <summary>
    /// Reads of what a filter selects. If nothing is found by words that are all in the vocabulary, they are looked at once more: one may
    /// be a mistake that some product had once.
    /// </summary>
    public static async Task<(ProductSelection Selection, T Found)> ReadSelectedAsync<T>(
        this NpgsqlDataSource database, IProductFilter filter, bool inactiveToo, CacheFill fill,
        Func<ProductSelection, Task<T>> read, Func<T, bool> isNothing, CancellationToken ct)
    {
        var selection = await database.SelectAsync(filter, inactiveToo, fill, inDoubt: false, ct);
        var found = await read(selection);
        if (isNothing(found) && selection.Terms is { IsTrusted: true })
        {
            // The stamp of the first look stays: what was found then decides, too.
            var doubted = await database.SelectAsync(filter, inactiveToo, null, inDoubt: true, ct);
            if (doubted.Terms!.Corrected != selection.Terms.Corrected)
            {
                return (doubted, await read(doubted));
            }
        }

        return (selection, found);
    }

    private static async Task<ProductSelection> SelectAsync(
        this NpgsqlDataSource database, IProductFilter filter, bool inactiveToo, CacheFill? fill, bool inDoubt, CancellationToken ct)
    {
        var selection = new ProductSelection(filter, inactiveToo);
        var searches = !string.IsNullOrWhiteSpace(filter.Search);
        if (filter.CategoryId is null && !searches)
        {
            return selection;
        }

        await using var batch = database.Batch();
        fill?.AddTo(batch);
        if (filter.CategoryId is { } category)
        {
            batch.Then(
                """
                WITH RECURSIVE branch AS (
                    SELECT $1::bigint AS id_key
                    UNION SELECT c.id_key FROM categories c JOIN branch b ON c.parent_id = b.id_key)
                SELECT array_agg(id_key) FROM branch
                """).With(category);
        }

        if (searches)
        {
            batch.Then("SELECT word, is_known, is_corrected, query, words, is_begun, categories FROM read_search($1, $2, $3)")
                .With(filter.Search).With(inactiveToo).With(inDoubt);
        }

        await using var reader = await batch.ReadAsync(ct);
        await (fill?.ReadAsync(reader, ct) ?? Task.CompletedTask);
        if (filter.CategoryId is not null)
        {
            selection = selection with { Branch = await reader.FirstAsync(row => row.GetFieldValue<long[]>(0), ct) };
            await reader.NextResultAsync(ct);
        }

        return searches ? selection with { Terms = new(await reader.ListAsync(ReadTerm, ct)) } : selection;
    }

    private static SearchTerm ReadTerm(NpgsqlDataReader row) =>
        new(row.GetString(0), row.GetBoolean(1), row.GetBoolean(2), row.GetString(3), row.GetFieldValue<string[]>(4), row.GetBoolean(5),
            row.GetFieldValue<long[]>(6));
}
