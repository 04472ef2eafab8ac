using System.Runtime.CompilerServices;
using Npgsql;
using Tienda.Http;

namespace Tienda.Data;

/// <content>How many records belong to the list.</content>
public sealed partial class ListStatement
{
    /// <summary>Counts the list in round trips of its own.</summary>
    public async Task<long> CountAsync(
        NpgsqlDataSource source, TotalCount count, CancellationToken ct,
        [CallerFilePath] string file = "", [CallerMemberName] string member = "") => count.Exact
        ? await AskAsync(source, ExactCount, row => row.GetInt64(0), file, member, ct)
        : await CountAsync(source, await AskAsync(source, Expected, ReadEstimate, file, member, ct), file, member, ct);

    /// <summary>How many there are by PostgreSQL's statistics.</summary>
    public async Task<long> EstimateAsync(
        NpgsqlDataSource source, CancellationToken ct, [CallerFilePath] string file = "", [CallerMemberName] string member = "") =>
        (await AskAsync(source, Expected, ReadEstimate, file, member, ct)).Rows;

    private string Matches => $"SELECT 1 FROM {tables} {AllConditions}";

    private string ExactCount => $"SELECT count(*) FROM ({Matches}) AS matches";

    private string Expected => CountEstimate.Plan(Matches);

    private static CountEstimate ReadEstimate(NpgsqlDataReader row) => CountEstimate.Read(row.GetString(0));

    private void AddCount(NpgsqlBatch batch, TotalCount count, string file, string member) =>
        Supply(batch.Then(count.Exact ? ExactCount : Expected, file, member));

    // On a connection of its own: that of the page has been given back.
    private async Task<long?> TotalAsync<T>(NpgsqlDataSource source, PageRead<T> found, string file, string member, CancellationToken ct) =>
        found.Estimate is { } estimate ? await CountAsync(source, estimate, file, member, ct) : found.Total;

    private async Task<long> CountAsync(
        NpgsqlDataSource source, CountEstimate estimate, string file, string member, CancellationToken ct)
    {
        if (!estimate.IsCheapToCount)
        {
            return estimate.Rows;
        }

        // PostgreSQL would as soon read a large table from its beginning until it has met so many.
        FoundByIndex();
        return estimate.Of(await AskAsync(source, CountEstimate.Count(Matches), row => row.GetInt64(0), file, member, ct));
    }

    private async Task<T> AskAsync<T>(
        NpgsqlDataSource source, string sql, Func<NpgsqlDataReader, T> read, string file, string member, CancellationToken ct)
    {
        await using var batch = source.Batch();
        AddPlanning(batch);
        Supply(batch.Then(sql, file, member));
        await using var reader = await batch.ReadAsync(ct, file, member);
        await ReadPlanningAsync(reader, ct);
        await reader.ReadAsync(ct);
        return read(reader);
    }
}
