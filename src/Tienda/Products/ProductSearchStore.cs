using Npgsql;
using Tienda.Data;
using Tienda.Http;

namespace Tienda.Products;

/// <summary>Products that were searched for, the best first (docs/search.md).</summary>
public sealed class ProductSearchStore(NpgsqlDataSource database, CatalogStatisticsStore statistics)
{
    // How well a product matches is found out for so many only: of a common word there are a hundred thousand.
    private const int Ranked = 100;

    // On the pages behind the first one the set of those is fixed, and what has come since is added to it.
    private const int MostRanked = 1000;

    // Whether the best known products match tells which way to find the others: along their order, or by their words.
    private const int Sample = 200;
    private const int Telling = 3;
    private const int MostWalked = 20_000;

    private const int Portion = 2000;

    // Of the places of a word: none, description, sku, name.
    private const string Weights = "'{0.1,0.2,0.6,1}'";

    private const string Popularity = "rating_count DESC, id_key DESC";

    // No index has it, so what matches is collected by its words first.
    private const string CollectedPopularity = "rating_count + 0 DESC, id_key DESC";

    // Behind what is ranked when that is all there is.
    private static readonly (long Reviews, long Id) End = (0, 0);

    internal async Task<Page<Product>> ListAsync(ProductQuery query, ProductSelection selection, CancellationToken ct)
    {
        if (selection.Terms!.Terms.Count == 0)
        {
            return new Page<Product>([], null, query.Count is null ? null : 0);
        }

        var place = query.After is { } after && RelevancePlace.TryRead(after, out var read) ? read : null;
        var rows = new List<(Product Product, RelevancePlace Place)>();
        var (edge, skip) = (default((long Reviews, long Id)?), query.Skip ?? 0);
        if (place is not { Relevance: null })
        {
            (edge, skip) = await ReadRankedAsync(rows, query, selection, place, skip, ct);
            place = null;
        }

        if (rows.Count < query.RowsToRead && (edge ?? (place!.Reviews, place.Id)) is var behind && behind != End)
        {
            await ReadRestAsync(rows, query.RowsToRead - rows.Count, skip, selection, behind, ct);
        }

        var total = query.Count is { } count ? await selection.List().CountAsync(database, count, ct) : default(long?);
        var page = Page.Of(rows, query, total, row => row.Place.ToCursor());
        return new Page<Product>(page.Items.ConvertAll(row => row.Product), page.Next, page.Total)
        {
            Corrected = selection.Terms.Corrected,
        };
    }

    /// <summary>Whether the best known products say that what is selected is met again and again in any order.</summary>
    internal async Task<bool> IsCommonAsync(ProductSelection selection, CancellationToken ct)
    {
        await using var batch = database.Batch();
        await using var reader = await selection.List(isPlannedOnce: true).ReadAsync(
            batch, from => $"SELECT count(*) FROM {BestKnown($"LIMIT {Sample}", from)}", ct);
        await reader.ReadAsync(ct);
        return reader.GetInt64(0) >= Telling;
    }

    /// <summary>Notes the words of some products that were there before the vocabulary was; false if there are none left.</summary>
    public async Task<bool> NoteNextWordsAsync(CancellationToken ct)
    {
        await using var command = database.Statement("SELECT note_words_of_next_products($1)").With(Portion);
        return await command.ValueAsync<bool>(ct);
    }

    /// <summary>Reads on among those that are ranked.</summary>
    /// <returns>Where the others begin, and how many of them are to be left out.</returns>
    private async Task<((long Reviews, long Id) Edge, long Skip)> ReadRankedAsync(
        List<(Product, RelevancePlace)> rows, ProductQuery query, ProductSelection selection, RelevancePlace? place, long skip,
        CancellationToken ct)
    {
        if (place is not { Edge: var (reviews, id) })
        {
            return await ReadFirstAsync(rows, query, selection, skip, ct);
        }

        var list = selection.List();
        list.And($"(rating_count, id_key) >= ({list.Bound((int)reviews)}, {list.Bound(id)})");
        var last = $"{list.Bound(place.Relevance!.Value)}, {list.Bound((int)place.Reviews)}, {list.Bound(place.Id)}";
        var known = new Candidates(list, from => Known(from, place.Edge == End), MostRanked)
        {
            Behind = $"(relevance, rating_count, id_key) < ({last})",
        };
        return (await RankAsync(rows, query, selection.Terms!, known, place.Edge, skip, ct)).Others;
    }

    // What is tried first costs least, as far as the statistics know, and answers all or none.
    private async Task<((long Reviews, long Id) Edge, long Skip)> ReadFirstAsync(
        List<(Product, RelevancePlace)> rows, ProductQuery query, ProductSelection selection, long skip, CancellationToken ct)
    {
        var (terms, figures, isPlannedOnce) = (selection.Terms!, statistics.Figures, selection.IsByWordsAlone);
        var isMet = true;
        if (figures is null || figures.IsWorthWalking(terms))
        {
            var walk = new Candidates(selection.List(isPlannedOnce: true), Walked, Ranked) { AreAllOrNone = true };
            var (found, others) = await RankAsync(rows, query, terms, walk, null, skip, ct);
            if (found == Ranked)
            {
                return others;
            }

            isMet = found > 0;
        }

        // What none of the best known has is in no tier of theirs, whatever is expected.
        if (isMet && figures?.TiersFor(await ExpectAsync(selection, figures, ct), figures.Expect(terms)) is (var lowest, _))
        {
            var better = selection.List(isPlannedOnce: isPlannedOnce);
            better.And($"popularity_tier(rating_count) && {TiersFrom(better.Bound((int)lowest))}");
            var few = new Candidates(better, Collected, Ranked) { AreAllOrNone = true };
            var (found, others) = await RankAsync(rows, query, terms, few, null, skip, ct);
            if (found == Ranked)
            {
                return others;
            }
        }

        var all = new Candidates(selection.List(isPlannedOnce: isPlannedOnce), Collected, Ranked);
        return (await RankAsync(rows, query, terms, all, null, skip, ct)).Others;
    }

    // With other filters there are as many as their values leave; but where those with the words are too few for tiers, that is all the
    // same.
    private async Task<double> ExpectAsync(ProductSelection selection, CatalogFigures figures, CancellationToken ct) =>
        figures.Expect(selection.Terms!) is { } byWords && (selection.IsByWordsAlone || figures.TiersFor(byWords) is null)
            ? byWords
            : await selection.List().EstimateAsync(database, ct);

    /// <summary>Puts candidates in the order of their relevance.</summary>
    /// <returns>How many there are; where those begin that are none, and how many of them are to be left out.</returns>
    private async Task<(long Found, ((long Reviews, long Id) Edge, long Skip) Others)> RankAsync(
        List<(Product, RelevancePlace)> rows, ProductQuery query, SearchTerms terms, Candidates candidates, (long Reviews, long Id)? known,
        long skip, CancellationToken ct)
    {
        var (list, behind) = (candidates.List, candidates.Behind);
        var relevance = RelevanceOf(list, terms);
        var bounds = $"LIMIT {list.Bound(query.RowsToRead)} OFFSET {list.Bound(skip)}";
        var enough = candidates.AreAllOrNone ? $"(SELECT found FROM ends) = {candidates.Most}" : "true";
        await using var batch = database.Batch();
        // Up to the page only places in the table are carried, with what orders them: within one statement a row stays where it is.
        await using var reader = await list.ReadAsync(
            batch,
            from =>
                $"""
                WITH best AS MATERIALIZED (
                    SELECT ctid AS place, rating_count, id_key, {relevance} AS relevance
                    FROM products WHERE ctid = ANY (ARRAY({candidates.Places(from)}))),
                ends AS MATERIALIZED (
                    SELECT * FROM (SELECT count(*) AS found, count(*) FILTER (WHERE {behind}) AS remaining FROM best) AS counts
                    LEFT JOIN (
                        SELECT rating_count::bigint AS last_reviews, id_key AS last_id
                        FROM best ORDER BY rating_count, id_key LIMIT 1) AS last ON true)
                SELECT {ProductStore.Columns}, relevance, found, remaining, last_reviews, last_id
                FROM ends LEFT JOIN (
                    (SELECT place, relevance FROM best WHERE {behind} AND {enough} ORDER BY relevance DESC, {Popularity} {bounds}) AS shown
                    JOIN products ON ctid = place) ON true
                ORDER BY relevance DESC, {Popularity}
                """,
            ct);
        var (edge, rest) = (known ?? End, known ?? End);
        var (found, remaining) = (0L, 0L);
        while (await reader.ReadAsync(ct))
        {
            (found, remaining) = (reader.GetInt64(14), reader.GetInt64(15));
            if (found == candidates.Most)
            {
                rest = (reader.GetInt64(16), reader.GetInt64(17));
                edge = known ?? rest;
            }

            if (!reader.IsDBNull(0))
            {
                var product = ProductStore.Read(reader);
                rows.Add((product, new RelevancePlace(reader.GetInt64(13), product.RatingCount, product.IdKey, edge)));
            }
        }

        return (found, (rest, Math.Max(0, skip - remaining)));
    }

    // ts_rank divides by the number of words in the query, which grows with the vocabulary: a place in the order must not move with it.
    // Its last digits do, so they are left out. A word as it was typed counts twice.
    private static string RelevanceOf(ListStatement list, SearchTerms terms)
    {
        var (meant, typed) = (terms.AnyMeant, terms.AnyTyped);
        var words = meant == typed ? $"2 * {RankOf(typed)}" : $"{RankOf(meant)} + {RankOf(typed)}";
        return
            $"""
            round(500 * ({words} + CASE WHEN category_id = ANY ({list.Bound(terms.Categories)}) THEN 0.6 ELSE 0 END))::bigint
            """;

        string RankOf(string query)
        {
            var read = SearchTerms.ReadOnce(list.Bound(query));
            return $"ts_rank({Weights}, search, {read}) * (numnode({read}) + 1)";
        }
    }

    // PostgreSQL expects words to be independent of each other, and would pass over the whole catalog for two that exclude one another.
    // So the way along the order is only taken where the first steps have shown that it leads somewhere, and not for long.
    private static string Walked(string from) =>
        $"""
        WITH sample AS MATERIALIZED (SELECT place, rating_count, id_key FROM {BestKnown($"LIMIT {Sample}", from)}),
        others AS MATERIALIZED (
            SELECT place, rating_count, id_key
            FROM {BestKnown(
                $"LIMIT (SELECT CASE WHEN count(*) >= {Telling} THEN {MostWalked} ELSE 0 END FROM sample) OFFSET {Sample}", from)}
            ORDER BY {Popularity} LIMIT {Ranked})
        SELECT place FROM (SELECT * FROM sample UNION ALL SELECT * FROM others) AS walked ORDER BY {Popularity} LIMIT {Ranked}
        """;

    private static string Collected(string from) => $"SELECT ctid FROM {from} ORDER BY {CollectedPopularity} LIMIT {Ranked}";

    // As far up as there is a product.
    private static string TiersFrom(string lowest) =>
        $"""
        (SELECT array_agg(tier::smallint) FROM generate_series(
            {lowest}, (SELECT (popularity_tier(rating_count))[1]::integer FROM products ORDER BY {Popularity} LIMIT 1)) AS tier)
        """;

    private static string Known(string from, bool areAll) =>
        $"SELECT ctid FROM {from} ORDER BY {(areAll ? CollectedPopularity : Popularity)} LIMIT {MostRanked}";

    private static string BestKnown(string which, string from) =>
        $"(SELECT ctid AS place, * FROM products ORDER BY {Popularity} {which}) AS {from}";

    private async Task ReadRestAsync(
        List<(Product, RelevancePlace)> rows, int limit, long skip, ProductSelection selection, (long Reviews, long Id) behind,
        CancellationToken ct)
    {
        var list = selection.List();
        list.And($"(rating_count, id_key) < ({list.Bound((int)behind.Reviews)}, {list.Bound(behind.Id)})");
        var bounds = $"LIMIT {list.Bound(limit)} OFFSET {list.Bound(skip)}";
        await using var batch = database.Batch();
        await using var reader = await list.ReadAsync(
            batch, from => $"SELECT {ProductStore.Columns} FROM {from} ORDER BY {Popularity} {bounds}", ct);
        rows.AddRange((await reader.ListAsync(ProductStore.Read, ct))
            .Select(product => (product, new RelevancePlace(null, product.RatingCount, product.IdKey))));
    }

    /// <summary>What the best are looked for among.</summary>
    /// <param name="Places">Makes the query that finds their places in the table from what stands behind FROM.</param>
    /// <param name="Most">How many there are at most.</param>
    private sealed record Candidates(ListStatement List, Func<string, string> Places, int Most)
    {
        /// <summary>Whether fewer than the most are none.</summary>
        public bool AreAllOrNone { get; init; }

        /// <summary>Which of them have not been shown yet.</summary>
        public string Behind { get; init; } = "true";
    }
}
