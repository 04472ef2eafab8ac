using System.Globalization;
using System.Runtime.CompilerServices;
using Npgsql;
using Tienda.Http;

namespace Tienda.Data;

/// <summary>
/// Builds the statement of a filtered, ordered, bounded list, and its count beside it if that was asked for, as one round trip.
/// Only fixed fragments become SQL; every value is a parameter, so that the few texts that can arise stay prepared.
/// </summary>
/// <param name="columns">What stands between SELECT and FROM.</param>
/// <param name="tables">What stands behind FROM; the first word is the table that is listed.</param>
/// <param name="idColumn">The unique column that ends every order.</param>
public sealed partial class ListStatement(string columns, string tables, string idColumn = "id_key")
{
    // More lists than this are not merged: reading a page of each costs more than passing over what belongs to none of them.
    private const int MostMerged = 64;

    // Each of them is read as deep as the page lies.
    private const long MostRowsMerged = 20_000;

    // A prepared statement that was planned five times may get a plan for any values; what a filter leaves over differs too much for one.
    private const string PlanByValues = "set_config('plan_cache_mode', 'force_custom_plan', true)";

    private const string PlanOnce = "set_config('plan_cache_mode', 'force_generic_plan', true)";

    // PostgreSQL expects more of two words that exclude each other than there can be, and would rather read the whole table.
    private const string ByIndex = "set_config('enable_seqscan', 'off', true)";

    private readonly List<string> _conditions = [];
    private readonly List<Action<NpgsqlBatchCommand>> _values = [];
    private (string Column, long[] Values, int Place)? _merged;
    private readonly List<string> _planning = [];
    private bool _collects;

    /// <summary>Adds a condition; <c>{0}</c> stands for the value's place.</summary>
    public ListStatement Where<T>(string condition, T value)
    {
        _values.Add(command => command.With(value));
        _conditions.Add(string.Format(CultureInfo.InvariantCulture, condition, "$" + _values.Count.ToString(CultureInfo.InvariantCulture)));
        return this;
    }

    public ListStatement WhereIf<T>(string condition, T? value) where T : struct => value is { } given ? Where(condition, given) : this;

    /// <summary>
    /// Keeps to the records that have one of these values in a column. There is an index that begins with the column for every order, and
    /// each value has its records in that order there, but not all of them together: so the page is merged from a page of each.
    /// </summary>
    public ListStatement WhereOneOf(string column, long[] values)
    {
        if (values is [var only])
        {
            return Where(column + " = {0}", only);
        }

        var place = Bind(values);
        if (values.Length <= MostMerged)
        {
            _merged = (column, values, place);
        }
        else
        {
            And($"{column} = ANY (${place})");
        }

        return this;
    }

    /// <summary>Has PostgreSQL plan it for its values each time.</summary>
    public ListStatement PlannedByValues()
    {
        _planning.Add(PlanByValues);
        return this;
    }

    /// <summary>Has PostgreSQL plan it once for all values, where its text leaves only one way.</summary>
    public ListStatement PlannedOnce()
    {
        _planning.Add(PlanOnce);
        return this;
    }

    /// <summary>Has PostgreSQL read no table from end to end for it.</summary>
    public ListStatement FoundByIndex()
    {
        _planning.Add(ByIndex);
        return this;
    }

    /// <summary>
    /// Has all that belongs to the list collected before it is put in order, whatever index would give the order: for so few that the way
    /// along one is long, which PostgreSQL does not see.
    /// </summary>
    public ListStatement CollectedIf(bool isWanted)
    {
        _collects = isWanted;
        return this;
    }

    /// <summary>Reads one page, ordered by id.</summary>
    public Task<Page<T>> ReadAsync<T>(
        NpgsqlDataSource source, ListQuery query, Func<NpgsqlDataReader, T> read, Func<T, long> id, CancellationToken ct,
        CacheFill? fill = null, [CallerFilePath] string file = "", [CallerMemberName] string member = "") =>
        ReadAsync(source, query, ListOrder.ById(idColumn), read, row => new Cursor(id(row)), ct, fill, file, member);

    /// <summary>Reads one page in the given order.</summary>
    public async Task<Page<T>> ReadAsync<T>(
        NpgsqlDataSource source, ListQuery query, ListOrder order, Func<NpgsqlDataReader, T> read, Func<T, Cursor> place,
        CancellationToken ct, CacheFill? fill = null, [CallerFilePath] string file = "", [CallerMemberName] string member = "")
    {
        PageRead<T> found;
        await using (var batch = source.Batch())
        {
            fill?.AddTo(batch);
            AddStatements(batch, query, order, file, member);
            await using var reader = await batch.ReadAsync(ct, file, member);
            await (fill?.ReadAsync(reader, ct) ?? Task.CompletedTask);
            await ReadPlanningAsync(reader, ct);
            found = await ReadPageAsync(reader, query, read, ct);
        }

        return Page.Of(found.Rows, query, await TotalAsync(source, found, file, member, ct), place);
    }

    /// <summary>Reads one page of what belongs to one record, ordered by id, or answers null if there is no such record.</summary>
    public async Task<Page<T>?> ReadOfAsync<T>(
        ListOwner owner, NpgsqlDataSource source, ListQuery query, Func<NpgsqlDataReader, T> read, Func<T, long> id,
        CancellationToken ct, CacheFill? fill = null, [CallerFilePath] string file = "", [CallerMemberName] string member = "")
    {
        PageRead<T> found;
        await using (var batch = source.Batch())
        {
            fill?.AddTo(batch);
            owner.AddLookup(batch);
            AddStatements(batch, query, ListOrder.ById(idColumn), file, member);
            await using var reader = await batch.ReadAsync(ct, file, member);
            await (fill?.ReadAsync(reader, ct) ?? Task.CompletedTask);
            if (!await reader.ReadAsync(ct))
            {
                return null;
            }

            await reader.NextResultAsync(ct);
            await ReadPlanningAsync(reader, ct);
            found = await ReadPageAsync(reader, query, read, ct);
        }

        return Page.Of(found.Rows, query, await TotalAsync(source, found, file, member, ct), row => new Cursor(id(row)));
    }

    /// <summary>A value that the statement names beside its conditions: what stands for it.</summary>
    public string Bound<T>(T value) => "$" + Bind(value).ToString(CultureInfo.InvariantCulture);

    /// <summary>Reads a statement of one's own over all that belongs to the list.</summary>
    /// <param name="sql">Makes the statement of what stands behind FROM.</param>
    public async Task<NpgsqlDataReader> ReadAsync(
        NpgsqlBatch batch, Func<string, string> sql, CancellationToken ct,
        CacheFill? fill = null, [CallerFilePath] string file = "", [CallerMemberName] string member = "")
    {
        fill?.AddTo(batch);
        AddPlanning(batch);
        Supply(batch.Then(sql($"{tables} {AllConditions}"), file, member));
        var reader = await batch.ReadAsync(ct, file, member);
        try
        {
            await (fill?.ReadAsync(reader, ct) ?? Task.CompletedTask);
            await ReadPlanningAsync(reader, ct);
            return reader;
        }
        catch
        {
            // It holds a connection.
            await reader.DisposeAsync();
            throw;
        }
    }

    private void AddPlanning(NpgsqlBatch batch)
    {
        if (_planning.Count > 0)
        {
            batch.Then("SELECT " + string.Join(", ", _planning));
        }
    }

    private Task ReadPlanningAsync(NpgsqlDataReader reader, CancellationToken ct) =>
        _planning.Count > 0 ? reader.NextResultAsync(ct) : Task.CompletedTask;

    private void AddStatements(NpgsqlBatch batch, ListQuery query, ListOrder order, string file, string member)
    {
        AddPlanning(batch);
        if (query.Count is { } count)
        {
            AddCount(batch, count, file, member);
        }

        AddPage(batch, query, order, file, member);
    }

    private static async Task<PageRead<T>> ReadPageAsync<T>(
        NpgsqlDataReader reader, ListQuery query, Func<NpgsqlDataReader, T> read, CancellationToken ct)
    {
        long? total = null;
        CountEstimate? estimate = null;
        if (query.Count is { } count)
        {
            await reader.ReadAsync(ct);
            if (count.Exact)
            {
                total = reader.GetInt64(0);
            }
            else
            {
                estimate = CountEstimate.Read(reader.GetString(0));
            }

            await reader.NextResultAsync(ct);
        }

        return new PageRead<T>(await reader.ListAsync(read, ct), total, estimate);
    }

    private void AddPage(NpgsqlBatch batch, ListQuery query, ListOrder order, string file, string member)
    {
        var counted = (Conditions: _conditions.Count, Values: _values.Count);
        if (query.After is { } after)
        {
            order.ContinueAfter(this, after);
        }

        var limit = Bind(query.RowsToRead);
        var skip = Bind(query.Skip ?? 0);
        var rest = $"ORDER BY {order.Sql} LIMIT ${limit} OFFSET ${skip}";
        Supply(batch.Then(
            _merged is var (column, values, place) && values.Length * (query.RowsToRead + (query.Skip ?? 0L)) <= MostRowsMerged
                ? $"""
                  SELECT {columns} FROM unnest(${place}) AS part (value) CROSS JOIN LATERAL (
                      SELECT {columns} FROM {tables} WHERE {string.Join(" AND ", _conditions.Append(column + " = part.value"))}
                      ORDER BY {order.Sql} LIMIT ${limit} + ${skip}) AS {tables} {rest}
                  """
                : _collects ? $"SELECT {columns} FROM (SELECT {columns} FROM {tables} {AllConditions} OFFSET 0) AS {tables} {rest}"
                : $"SELECT {columns} FROM {tables} {AllConditions} {rest}",
            file, member));
        // A count begins at the beginning.
        _conditions.RemoveRange(counted.Conditions, _conditions.Count - counted.Conditions);
        _values.RemoveRange(counted.Values, _values.Count - counted.Values);
    }

    private string AllConditions => string.Join(" AND ", _merged is var (column, _, place)
        ? _conditions.Append($"{column} = ANY (${place})")
        : _conditions) is { Length: > 0 } all ? "WHERE " + all : "";

    private void Supply(NpgsqlBatchCommand command) => _values.ForEach(add => add(command));

    private readonly record struct PageRead<T>(List<T> Rows, long? Total, CountEstimate? Estimate);

    internal int Bind<T>(T value)
    {
        _values.Add(command => command.With(value));
        return _values.Count;
    }

    /// <summary>Adds a condition that names its values by what <see cref="Bound"/> has answered.</summary>
    public void And(string condition) => _conditions.Add(condition);
}
