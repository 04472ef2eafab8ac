using System.Collections;
using System.Globalization;
using CsvHelper;

namespace Tienda.ApiTests.RealInput;

public sealed record NorthwindCategory(int Id, string Name);

public sealed record NorthwindProduct(int Id, string Name, int CategoryId, decimal Price, int Stock, string Description, bool Discontinued);

public sealed record NorthwindCustomer(string Id, string Name, string Address, string City, string Phone);

public sealed record NorthwindOrder(int Id, string CustomerId, DateOnly Date, IReadOnlyList<NorthwindLine> Lines);

public sealed record NorthwindLine(int OrderId, int ProductId, decimal Price, int Quantity, decimal Discount);

/// <summary>The order history of a wholesaler, 1996 to 1998, as it stands in shared/data/northwind.</summary>
public sealed class Northwind
{
    private const string Place = "shared/data/northwind";

    private Northwind(string folder)
    {
        Categories = Read(folder, "categories", row => new NorthwindCategory(row.Whole("id"), row.Text("name")));
        Products = Read(folder, "products", row => new NorthwindProduct(
            row.Whole("id"), row.Text("name"), row.Whole("category_id"), row.Amount("price"), row.Whole("stock"), row.Text("description"),
            row.Whole("discontinued") == 1));
        Customers = Read(folder, "customers", row => new NorthwindCustomer(
            row.Text("id"), row.Text("name"), row.Text("address"), row.Text("city"), row.Text("phone")));
        var lines = Read(folder, "order_details", row => new NorthwindLine(
            row.Whole("order_id"), row.Whole("product_id"), row.Amount("unit_price"), row.Whole("quantity"), row.Amount("discount")))
            .ToLookup(line => line.OrderId);
        Orders =
        [
            .. Read(folder, "orders", row => new NorthwindOrder(
                row.Whole("id"),
                row.Text("customer_id"),
                DateOnly.ParseExact(row.Text("order_date"), "yyyy-MM-dd", CultureInfo.InvariantCulture),
                [.. lines[row.Whole("id")]])).OrderBy(order => order.Date).ThenBy(order => order.Id),
        ];
    }

    public IReadOnlyList<NorthwindCategory> Categories { get; }

    public IReadOnlyList<NorthwindProduct> Products { get; }

    public IReadOnlyList<NorthwindCustomer> Customers { get; }

    /// <summary>In order of date.</summary>
    public IReadOnlyList<NorthwindOrder> Orders { get; }

    /// <summary>Reads the files, or skips the test where a clone without its sibling folder is no mistake.</summary>
    public static Northwind Load()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "Tienda.slnx")))
        {
            root = root.Parent;
        }

        var folder = Path.Combine(root?.Parent?.FullName ?? "/", Place);
        var mayBeMissing = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().All(v => v is not { Key: "CI", Value: "true" });
        Assert.SkipWhen(mayBeMissing && !Directory.Exists(folder), $"The files of Northwind are not at {folder}, beside this repository.");
        return new Northwind(folder);
    }

    private static List<T> Read<T>(string folder, string file, Func<CsvReader, T> read)
    {
        using var csv = CsvReader.FromFile(Path.Combine(folder, file + ".csv"));
        var rows = new List<T>();
        while (csv.Read())
        {
            rows.Add(read(csv));
        }

        return rows;
    }
}

internal static class CsvColumns
{
    public static string Text(this CsvReader row, string column) => row.GetString(column);

    public static int Whole(this CsvReader row, string column) => row.Parse<int>(column);

    public static decimal Amount(this CsvReader row, string column) => row.Parse<decimal>(column);
}
