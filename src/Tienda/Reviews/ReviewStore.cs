using Npgsql;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Http;

namespace Tienda.Reviews;

/// <summary>What became of a wish to change a review that exists.</summary>
public abstract record ReviewChange
{
    private ReviewChange()
    {
    }

    public sealed record Made(Review Review) : ReviewChange;

    /// <summary>It named another product or client, which would make it another review.</summary>
    public sealed record WouldMove(IReadOnlyList<string> Fields) : ReviewChange;
}

/// <summary>The reviews in the database. Triggers keep the products' ratings.</summary>
public sealed class ReviewStore(NpgsqlDataSource database, CacheChanges changes)
{
    private const string Columns = "id_key, product_id, client_id, rating, comment, created_at";

    // The trigger will lock the product behind the review, but a product's deletion locks its reviews behind the product.
    // Taking the product first keeps the two from waiting for each other.
    private const string LockProduct =
        """
        SELECT r.product_id, r.client_id FROM reviews r JOIN products p ON p.id_key = r.product_id
        WHERE r.id_key = $1 FOR NO KEY UPDATE OF p
        """;

    private const string LockReview = $"SELECT {Columns} FROM reviews WHERE id_key = $1 AND ($2 IS NULL OR client_id = $2) FOR UPDATE";

    public Task<Page<Review>> ListAsync(ListQuery query, CancellationToken ct) =>
        new ListStatement(Columns, "reviews").ReadAsync(database, query, Read, review => review.IdKey, ct);

    /// <summary>The reviews of one product, or null if there is no such product.</summary>
    public Task<Page<Review>?> ListOfProductAsync(
        long productId, bool inactiveToo, ListQuery query, CacheFill fill, CancellationToken ct)
    {
        fill.Shows(CacheTag.Catalog);
        fill.Shows(CacheTag.ReviewsOf(productId));
        return new ListStatement(Columns, "reviews")
            .Where("product_id = {0}", productId)
            .ReadOfAsync(
                new ListOwner("products", productId, inactiveToo ? "true" : "active"),
                database, query, Read, review => review.IdKey, ct, fill);
    }

    public async Task<Review?> FindAsync(long id, CancellationToken ct)
    {
        await using var command = database.Statement($"SELECT {Columns} FROM reviews WHERE id_key = $1").With(id);
        return await command.FirstAsync(Read, ct);
    }

    /// <summary>
    /// Writes a review. Its foreign keys would lock the product weakly and the trigger then more strongly, and a change of the product's
    /// sku could come between; so both locks are taken at once, in the order in which a client's erasure takes them.
    /// </summary>
    public async Task<Review> CreateAsync(CreateReviewRequest request, CancellationToken ct)
    {
        await using var batch = database.Batch();
        batch.Then("SELECT FROM clients WHERE id_key = $1 FOR KEY SHARE").With(request.ClientId);
        batch.Then("SELECT FROM products WHERE id_key = $1 FOR NO KEY UPDATE").With(request.ProductId);
        batch.Then($"INSERT INTO reviews (product_id, client_id, rating, comment) VALUES ($1, $2, $3, $4) RETURNING {Columns}")
            .With(request.ProductId)
            .With(request.ClientId)
            .With(Tenths(request.Rating!.Value))
            .With(request.Comment);
        return await changes.RunAsync(
            batch,
            async reader =>
            {
                await reader.NextResultAsync(ct);
                await reader.NextResultAsync(ct);
                await reader.ReadAsync(ct);
                return Read(reader);
            },
            ct);
    }

    /// <summary>Changes the fields that were sent, or answers null if there is no such review.</summary>
    public Task<ReviewChange?> UpdateAsync(
        long id, UpdateReviewRequest request, IfMatch condition, long? confinedTo, CancellationToken ct) =>
        changes.RunIfAsync(
            database, condition, locks => AddLocks(locks, id, confinedTo), Read,
            batch => AddUpdate(batch, id, request, confinedTo),
            reader => ReadChangeAsync(reader, request, confinedTo, ct),
            ct);

    private static void AddLocks(NpgsqlBatch locks, long id, long? confinedTo)
    {
        locks.Then(LockProduct).With(id);
        locks.Then(LockReview).With(id).With(confinedTo);
    }

    private static void AddUpdate(NpgsqlBatch batch, long id, UpdateReviewRequest request, long? confinedTo)
    {
        batch.Then(LockProduct).With(id);
        batch.Then(
            $"""
            UPDATE reviews SET
                rating = coalesce($2, rating),
                comment = CASE WHEN $3 THEN $4 ELSE comment END
            WHERE id_key = $1 AND product_id = coalesce($5, product_id) AND client_id = coalesce($6, client_id)
                AND ($7 IS NULL OR client_id = $7)
            RETURNING {Columns}
            """)
            .With(id)
            .With(request.Rating is { } rating ? Tenths(rating) : (short?)null)
            .With(request.Has(nameof(request.Comment))).With(request.Comment)
            .With(request.ProductId)
            .With(request.ClientId)
            .With(confinedTo);
    }

    private static async Task<ReviewChange?> ReadChangeAsync(
        NpgsqlDataReader reader, UpdateReviewRequest request, long? confinedTo, CancellationToken ct)
    {
        var moved = new List<string>();
        if (await reader.ReadAsync(ct) && (confinedTo ?? reader.GetInt64(1)) == reader.GetInt64(1))
        {
            if ((request.ProductId ?? reader.GetInt64(0)) != reader.GetInt64(0))
            {
                moved.Add("product_id");
            }

            if ((request.ClientId ?? reader.GetInt64(1)) != reader.GetInt64(1))
            {
                moved.Add("client_id");
            }
        }

        await reader.NextResultAsync(ct);
        return await reader.ReadAsync(ct) ? new ReviewChange.Made(Read(reader))
            : moved.Count > 0 ? new ReviewChange.WouldMove(moved)
            : null;
    }

    /// <summary>Deletes a review; false if there is none.</summary>
    public async Task<bool> DeleteAsync(long id, IfMatch condition, long? confinedTo, CancellationToken ct) =>
        await changes.RunIfAsync(
            database, condition, locks => AddLocks(locks, id, confinedTo), Read,
            batch =>
            {
                batch.Then(LockProduct).With(id);
                batch.Then("DELETE FROM reviews WHERE id_key = $1 AND ($2 IS NULL OR client_id = $2) RETURNING id_key")
                    .With(id).With(confinedTo);
            },
            async reader =>
            {
                await reader.NextResultAsync(ct);
                return await reader.ReadAsync(ct);
            },
            ct);

    private static Review Read(NpgsqlDataReader row) => new()
    {
        IdKey = row.GetInt64(0),
        ProductId = row.GetInt64(1),
        ClientId = row.GetInt64(2),
        // With its scale, so that 4 is written as 4.0.
        Rating = new decimal(row.GetInt16(3), 0, 0, false, 1),
        Comment = row.NullableString(4),
        CreatedAt = row.GetDateTime(5),
    };

    private static short Tenths(decimal rating) => (short)(rating * 10);
}
