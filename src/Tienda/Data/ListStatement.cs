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
public sealed class ListStatement(string columns, string tables, string idColumn = "id_key")
{
    // Counting an estimate is exact up to here, so that it costs the same at any size of the table.
    private const int EstimateBound = 10_000;

    private readonly List<string> _conditions = [];
    private readonly List<Action<NpgsqlBatchCommand>> _values = [];

    /// <summary>Adds a condition; <c>{0}</c> stands for the value's place.</summary>
    public ListStatement Where<T>(string condition, T value)
    {
        _values.Add(command => command.With(value));
        _conditions.Add(string.Format(CultureInfo.InvariantCulture, condition, "$" + _values.Count.ToString(CultureInfo.InvariantCulture)));
        return this;
    }

    public ListStatement WhereIf<T>(string condition, T? value) where T : struct => value is { } given ? Where(condition, given) : this;

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
        await using var batch = source.Batch();
        fill?.AddTo(batch);
        AddStatements(batch, query, order, file, member);
        await using var reader = await batch.ReadAsync(ct, file, member);
        await (fill?.ReadAsync(reader, ct) ?? Task.CompletedTask);
        return await ReadPageAsync(reader, query, read, place, ct);
    }

    /// <summary>Reads one page of what belongs to one record, ordered by id, or answers null if there is no such record.</summary>
    public async Task<Page<T>?> ReadOfAsync<T>(
        ListOwner owner, NpgsqlDataSource source, ListQuery query, Func<NpgsqlDataReader, T> read, Func<T, long> id,
        CancellationToken ct, CacheFill? fill = null, [CallerFilePath] string file = "", [CallerMemberName] string member = "")
    {
        await using var batch = source.Batch();
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
        return await ReadPageAsync(reader, query, read, row => new Cursor(id(row)), ct);
    }

    private void AddStatements(NpgsqlBatch batch, ListQuery query, ListOrder order, string file, string member)
    {
        if (query.Count is { } count)
        {
            AddCount(batch, count, file, member);
        }

        AddPage(batch, query, order, file, member);
    }

    private static async Task<Page<T>> ReadPageAsync<T>(
        NpgsqlDataReader reader, ListQuery query, Func<NpgsqlDataReader, T> read, Func<T, Cursor> place, CancellationToken ct)
    {
        long? total = null;
        if (query.Count is not null)
        {
            await reader.ReadAsync(ct);
            total = reader.GetInt64(0);
            await reader.NextResultAsync(ct);
        }

        return Page.Of(await reader.ListAsync(read, ct), query, total, place);
    }

    private void AddCount(NpgsqlBatch batch, TotalCount count, string file, string member)
    {
        var matches = $"SELECT 1 FROM {tables} {WhereClause}";
        var command = count.Exact
            ? batch.Then($"SELECT count(*) FROM ({matches}) AS matches", file, member)
            : batch.Then(
                $"""
                WITH few AS (SELECT count(*) AS found FROM ({matches} LIMIT {EstimateBound + 1}) AS matches)
                SELECT CASE WHEN found <= {EstimateBound} THEN found ELSE greatest(found,
                    (SELECT reltuples::bigint FROM pg_class WHERE oid = '{tables.Split(' ')[0]}'::regclass)) END FROM few
                """,
                file, member);
        _values.ForEach(add => add(command));
    }

    private void AddPage(NpgsqlBatch batch, ListQuery query, ListOrder order, string file, string member)
    {
        if (query.After is { } after)
        {
            order.ContinueAfter(this, after);
        }

        var limit = _values.Count + 1;
        var command = batch.Then(
            $"SELECT {columns} FROM {tables} {WhereClause} ORDER BY {order.Sql} LIMIT ${limit} OFFSET ${limit + 1}", file, member);
        _values.ForEach(add => add(command));
        command.With(query.RowsToRead).With(query.Skip ?? 0);
    }

    private string WhereClause => _conditions.Count == 0 ? "" : "WHERE " + string.Join(" AND ", _conditions);

    internal int Bind<T>(T value)
    {
        _values.Add(command => command.With(value));
        return _values.Count;
    }

    internal void And(string condition) => _conditions.Add(condition);
}

/// <summary>The record that a list belongs to.</summary>
/// <param name="Table">Its table.</param>
/// <param name="Visible">SQL that holds if the caller may see it, with <c>$2</c> for the next.</param>
/// <param name="ConfinedTo">The client to whose records the caller is confined, or null.</param>
public sealed record ListOwner(string Table, long Id, string Visible = "true", long? ConfinedTo = null)
{
    internal void AddLookup(NpgsqlBatch batch) =>
        batch.Then($"SELECT FROM {Table} WHERE id_key = $1 AND ({Visible})").With(Id).With(ConfinedTo);
}

/// <summary>An order of a list and how to continue in it behind a cursor.</summary>
/// <param name="Sql">What follows ORDER BY.</param>
/// <param name="Accepts">Whether a cursor, which a client can make up, has a key that this order can compare.</param>
/// <param name="ContinueAfter">Adds the condition that leaves out everything up to the cursor.</param>
public sealed record ListOrder(string Sql, Func<Cursor, bool> Accepts, Action<ListStatement, Cursor> ContinueAfter)
{
    /// <summary>Reads a cursor's key back as the type that an order compares.</summary>
    public delegate bool TryParseKey<TKey>(string text, out TKey key);

    public static ListOrder ById(string idColumn) =>
        new(idColumn, _ => true, (list, after) => list.Where(idColumn + " > {0}", after.Id));

    /// <summary>By an expression, then by id in the same direction, so that one index serves both.</summary>
    /// <param name="expression">The SQL expression that an index has.</param>
    /// <param name="parse">Reads the cursor's key back as the expression's type.</param>
    public static ListOrder By<TKey>(string expression, bool descending, TryParseKey<TKey> parse)
    {
        var (direction, beyond) = descending ? ("DESC", "<") : ("ASC", ">");
        return new ListOrder(
            $"{expression} {direction}, id_key {direction}",
            after => parse(after.Key, out _),
            (list, after) =>
            {
                parse(after.Key, out var value);
                var key = list.Bind(value);
                var id = list.Bind(after.Id);
                list.And($"({expression}, id_key) {beyond} (${key}, ${id})");
            });
    }
}
