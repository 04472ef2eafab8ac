using Npgsql;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Http;

namespace Tienda.Categories;

/// <summary>The categories in the database.</summary>
public sealed class CategoryStore(NpgsqlDataSource database, CacheChanges changes)
{
    private const string Columns = "id_key, name, parent_id";

    // Movers take turns before they lock a row.
    private const string LockSql =
        $"""
        WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtext('categories')) AS taken)
        SELECT {Columns} FROM categories, turn WHERE id_key = $1 FOR UPDATE OF categories
        """;

    public Task<Page<Category>> ListAsync(ListQuery query, CacheFill fill, CancellationToken ct)
    {
        fill.Shows(CacheTag.Categories);
        return new ListStatement(Columns, "categories").ReadAsync(database, query, Read, category => category.IdKey, ct, fill);
    }

    public async Task<Category?> FindAsync(long id, CacheFill fill, CancellationToken ct)
    {
        fill.Shows(CacheTag.Categories);
        await using var batch = database.Batch();
        fill.AddTo(batch);
        batch.Then($"SELECT {Columns} FROM categories WHERE id_key = $1").With(id);
        return await batch.FirstAsync(Read, fill, ct);
    }

    public async Task<Category> CreateAsync(CreateCategoryRequest request, CancellationToken ct)
    {
        await using var batch = database.Batch();
        batch.Then($"INSERT INTO categories (name, parent_id) VALUES ($1, $2) RETURNING {Columns}")
            .With(request.Name)
            .With(request.ParentId);
        return (await changes.RunAsync(batch, reader => reader.FirstAsync(Read, ct), ct))!;
    }

    /// <summary>Changes the fields that were sent, or answers null if there is no such category. A trigger refuses circles.</summary>
    public Task<Category?> UpdateAsync(long id, UpdateCategoryRequest request, IfMatch condition, CancellationToken ct) =>
        changes.RunIfAsync(
            database, condition, locks => locks.Then(LockSql).With(id), Read,
            batch => batch.Then(
                $"""
                UPDATE categories SET
                    name = coalesce($2, name),
                    parent_id = CASE WHEN $3 THEN $4 ELSE parent_id END
                WHERE id_key = $1
                RETURNING {Columns}
                """)
                .With(id)
                .With(request.Name)
                .With(request.Has(nameof(request.ParentId))).With(request.ParentId),
            reader => reader.FirstAsync(Read, ct),
            ct);

    /// <summary>Deletes a category; false if there is none. One with products or subcategories is refused by their foreign keys.</summary>
    public async Task<bool> DeleteAsync(long id, IfMatch condition, CancellationToken ct) =>
        await changes.RunIfAsync(
            database, condition, locks => locks.Then(LockSql).With(id), Read,
            batch => batch.Then("DELETE FROM categories WHERE id_key = $1 RETURNING id_key").With(id),
            reader => reader.ReadAsync(ct),
            ct);

    private static Category Read(NpgsqlDataReader row) => new()
    {
        IdKey = row.GetInt64(0),
        Name = row.GetString(1),
        ParentId = row.NullableInt64(2),
    };
}
