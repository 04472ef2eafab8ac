using Microsoft.AspNetCore.Identity;
using Npgsql;
using Tienda.Data;

namespace Tienda.Demo;

/// <summary>How much demonstration data there shall be.</summary>
public sealed record DemoSizes(int Products, int Clients, int Orders)
{
    /// <summary>Skus and e-mails carry a number of six digits.</summary>
    public const int MaximumRecords = 999_999;

    public const int MaximumOrders = 10_000_000;
}

/// <summary>How far the seeding has come with one kind of record.</summary>
public readonly record struct DemoProgress(string What, int Done, int Total);

/// <summary>
/// Fills a shop with invented products, people and a year of orders. It tops up: what is there already, recognised by its sku or e-mail,
/// stays as it is and is not made again, and rows of anybody else are never changed. Orders count as demonstration orders if their client
/// is a demonstration client.
/// </summary>
public sealed class DemoData
{
    // Rows of one COPY: few enough to hold in memory, and the bill series is not kept from other writers for long.
    private const int ChunkSize = 2_000;

    // Any constant serves; two seedings at once would both make what is missing.
    private const long LockKey = 0x74696e646164656d;

    private readonly NpgsqlConnection _connection;
    private readonly Action<DemoProgress>? _progress;
    private readonly DateTime _today;

    private DemoData(NpgsqlConnection connection, DateTime today, Action<DemoProgress>? progress)
    {
        _connection = connection;
        _today = today;
        _progress = progress;
    }

    /// <summary>
    /// Brings the demonstration data up to the given sizes; larger ones stay. Works in chunks, so that an interrupted run can be repeated.
    /// </summary>
    /// <param name="database">A pool without a statement time-out, on a migrated database.</param>
    /// <returns>False if orders were wanted but there are no demonstration products or clients that they could be made of.</returns>
    public static async Task<bool> SeedAsync(
        NpgsqlDataSource database, DemoSizes sizes, Action<DemoProgress>? progress, CancellationToken ct)
    {
        await using var connection = await database.BorrowAsync(ct);
        await connection.ExecuteAsync($"SELECT pg_advisory_lock({LockKey})", ct);
        try
        {
            await using var clock = connection.Statement("SELECT date_trunc('day', now(), 'UTC')");
            var data = new DemoData(connection, await clock.ValueAsync<DateTime>(ct), progress);
            await data.AddProductsAsync(sizes.Products, ct);
            await data.AddClientsAsync(sizes.Clients, ct);
            var ordered = await data.AddOrdersAsync(sizes.Orders, ct);
            // Right after a bulk load the planner would still take the tables for empty.
            await connection.ExecuteAsync("ANALYZE categories, products, clients, addresses, orders, order_details, bills, reviews", ct);
            return ordered;
        }
        finally
        {
            await connection.ExecuteAsync($"SELECT pg_advisory_unlock({LockKey})", CancellationToken.None);
        }
    }

    private async Task AddProductsAsync(int wanted, CancellationToken ct)
    {
        var missing = Missing(wanted, await ListAsync(
            $"SELECT substring(sku FROM '{DemoCatalog.SkuPattern}')::int FROM products WHERE sku ~ '{DemoCatalog.SkuPattern}'",
            row => row.GetInt32(0),
            ct));
        var categories = missing.Count > 0 ? await AddCategoriesAsync(ct) : [];
        await InChunksAsync("products", wanted, missing, async chunk =>
        {
            var ids = await _connection.ReserveIdsAsync("products", chunk.Length, ct);
            await _connection.CopyAsync(
                "products (id_key, sku, name, description, category_id, price, stock, created_at, updated_at)",
                chunk.Select(DemoCatalog.Product).Zip(ids),
                (row, item) =>
                {
                    var (product, id) = item;
                    var created = _today.AddDays(-product.AgeInDays);
                    row.Add(id).Add(product.Sku).Add(product.Name).Add(product.Description).Add(categories[product.Category])
                        .Add(product.Price.MinorUnits).Add(product.Stock).Add(created).Add(created);
                },
                ct);
        }, ct);
    }

    /// <summary>A category that is there under the same name is used as it stands.</summary>
    private async Task<Dictionary<string, long>> AddCategoriesAsync(CancellationToken ct)
    {
        await using (var insert = _connection.Statement(
            """
            WITH wanted AS (SELECT name, parent FROM unnest($1, $2) WITH ORDINALITY AS w (name, parent, place) ORDER BY place),
            parents AS (
                INSERT INTO categories (name)
                SELECT parent FROM wanted WHERE NOT EXISTS (SELECT FROM categories c WHERE c.name = parent) GROUP BY parent ORDER BY parent
                ON CONFLICT (name) DO NOTHING
                RETURNING id_key, name)
            INSERT INTO categories (name, parent_id)
            SELECT w.name, p.id_key
            FROM wanted w JOIN (SELECT id_key, name FROM parents UNION ALL SELECT id_key, name FROM categories) AS p ON p.name = w.parent
            WHERE NOT EXISTS (SELECT FROM categories c WHERE c.name = w.name)
            ON CONFLICT (name) DO NOTHING
            """))
        {
            insert.With(DemoCatalog.Categories.Select(c => c.Name).ToArray()).With(DemoCatalog.Categories.Select(c => c.Parent).ToArray());
            await insert.ChangeAsync(ct);
        }

        var known = await ListAsync("SELECT name, id_key FROM categories", row => (Name: row.GetString(0), Id: row.GetInt64(1)), ct);
        return known.ToDictionary(c => c.Name, c => c.Id);
    }

    private async Task AddClientsAsync(int wanted, CancellationToken ct)
    {
        var missing = Missing(wanted, await ListAsync(
            $"""
            SELECT substring(lower(email) FROM '{DemoPeople.EmailPattern}')::int
            FROM clients WHERE lower(email) ~ '{DemoPeople.EmailPattern}'
            """,
            row => row.GetInt32(0),
            ct));
        // One hash for all: hashing is slow by intent, and the password is no secret.
        var hash = missing.Count > 0 ? new PasswordHasher<DemoClient>().HashPassword(null!, DemoPeople.Password) : "";
        await InChunksAsync("clients", wanted, missing, async chunk =>
        {
            var clients = chunk.Select(DemoPeople.Client).Zip(await _connection.ReserveIdsAsync("clients", chunk.Length, ct)).ToList();
            await _connection.CopyAsync(
                "clients (id_key, name, lastname, email, telephone, password_hash, created_at)",
                clients,
                (row, item) => row.Add(item.Second).Add(item.First.Name).Add(item.First.Lastname).Add(item.First.Email)
                    .Add(item.First.Telephone).Add(hash).Add(_today.AddDays(-item.First.AgeInDays)),
                ct);
            var addresses = clients.SelectMany(c => c.First.Addresses, (c, address) => (Client: c.Second, Address: address)).ToList();
            await _connection.CopyAsync(
                "addresses (id_key, client_id, street, number, city)",
                addresses.Zip(await _connection.ReserveIdsAsync("addresses", addresses.Count, ct)),
                (row, item) => row.Add(item.Second).Add(item.First.Client)
                    .Add(item.First.Address.Street).Add(item.First.Address.Number).Add(item.First.Address.City),
                ct);
        }, ct);
    }

    private async Task<bool> AddOrdersAsync(int wanted, CancellationToken ct)
    {
        var buyers = await ListAsync(
            $"""
            SELECT c.id_key, (SELECT min(a.id_key) FROM addresses a WHERE a.client_id = c.id_key)
            FROM clients c WHERE lower(c.email) ~ '{DemoPeople.EmailPattern}' ORDER BY c.id_key
            """,
            row => new DemoBuyer(row.GetInt64(0), row.NullableInt64(1)),
            ct);
        var offers = await ListAsync(
            $"SELECT id_key, price FROM products WHERE sku ~ '{DemoCatalog.SkuPattern}' ORDER BY id_key",
            row => new DemoOffer(row.GetInt64(0), row.Money(1)),
            ct);
        if (buyers.Count == 0 || offers.Count == 0)
        {
            return wanted == 0;
        }

        var there = await ListAsync(
            $"SELECT count(*) FROM orders o JOIN clients c ON c.id_key = o.client_id WHERE lower(c.email) ~ '{DemoPeople.EmailPattern}'",
            row => (int)row.GetInt64(0),
            ct);
        var history = new DemoHistory(buyers, offers, _today);
        var missing = Math.Max(0, wanted - there[0]);
        await InChunksAsync("orders", wanted, Enumerable.Range(wanted - missing + 1, missing), async chunk =>
        {
            var before = chunk[0] - (wanted - missing + 1);
            var orders = chunk.Select((number, i) => history.Order(number, before + i, missing)).ToList();
            await new DemoOrderLoad(_connection).AddAsync(orders, ct);
        }, ct);
        if (missing > 0)
        {
            await SkipInHistoryAsync(ct);
        }

        return true;
    }

    // These lines tell the history of the products nothing, and whoever looks for sales would read all of them. As long as no line tells of
    // a sale, they can be passed over. The lock is for orders that are being placed.
    private async Task SkipInHistoryAsync(CancellationToken ct)
    {
        const string NothingSold = "NOT EXISTS (SELECT FROM order_details WHERE stock_after IS NOT NULL)";
        await using var look = _connection.Statement($"SELECT {NothingSold}");
        if (!await look.ValueAsync<bool>(ct))
        {
            return;
        }

        await using var transaction = await _connection.BeginAsync(ct);
        await _connection.ExecuteAsync("LOCK TABLE order_details IN SHARE MODE", ct);
        await _connection.ExecuteAsync(
            $"""
            UPDATE product_history_start SET last_line = greatest(last_line, (SELECT max(id_key) FROM order_details)) WHERE {NothingSold}
            """,
            ct);
        await transaction.CommitAsync(ct);
    }

    private async Task InChunksAsync(string what, int wanted, IEnumerable<int> missing, Func<int[], Task> addAsync, CancellationToken ct)
    {
        var done = wanted - missing.Count();
        if (done == wanted)
        {
            _progress?.Invoke(new DemoProgress(what, done, wanted));
        }

        foreach (var chunk in missing.Chunk(ChunkSize))
        {
            await using var transaction = await _connection.BeginAsync(ct);
            await addAsync(chunk);
            await transaction.CommitAsync(ct);
            done += chunk.Length;
            _progress?.Invoke(new DemoProgress(what, done, wanted));
        }
    }

    private async Task<List<T>> ListAsync<T>(string sql, Func<NpgsqlDataReader, T> read, CancellationToken ct)
    {
        await using var command = _connection.Statement(sql);
        await using var reader = await command.ReadAsync(ct);
        return await reader.ListAsync(read, ct);
    }

    private static List<int> Missing(int wanted, List<int> there)
    {
        var known = there.ToHashSet();
        return [.. Enumerable.Range(1, wanted).Where(number => !known.Contains(number))];
    }
}
