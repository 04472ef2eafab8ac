using System.Text.RegularExpressions;

namespace Tienda.UnitTests;

/// <summary>The dependency rules of the code base, read from the sources.</summary>
public sealed class ArchitectureTests
{
    private static readonly string[] Features =
        ["Products", "Categories", "Clients", "Addresses", "Orders", "OrderDetails", "Bills", "Reviews"];

    // What takes part in an order's transaction beside the stores.
    private static readonly string[] Transactions = ["PlaceOrder.cs", "CancelOrder.cs", "LockedOrder.cs", "OrderStock.cs", "ClientErasure.cs", "ClientExport.cs"];

    private static string Source { get; } = Path.Combine(Above(AppContext.BaseDirectory), "src", "Tienda");

    private static IEnumerable<string> Files => Directory.GetFiles(Source, "*.cs", SearchOption.AllDirectories);

    [Fact]
    public void Only_data_demonstration_and_stores_name_the_driver()
    {
        var others = Files
            .Where(f => Uses(f, "Npgsql"))
            .Where(f => Folder(f) is not ("Data" or "Demo") && !f.EndsWith("Store.cs", StringComparison.Ordinal)
                && !Transactions.Contains(Path.GetFileName(f)));

        Assert.Empty(others);
    }

    [Fact]
    public void A_feature_does_not_reach_into_another_ones_store()
    {
        // Orders, their lines and their bills are one transaction's matter and lock the order together.
        string[] together = ["Orders", "OrderDetails", "Bills"];
        var reaching = Files.Where(f => Features.Contains(Folder(f))).SelectMany(file => Features
            .Where(other => other != Folder(file) && !(together.Contains(other) && together.Contains(Folder(file))))
            .Where(other => StoreOf(other).IsMatch(File.ReadAllText(file)))
            .Select(other => $"{Path.GetFileName(file)} uses the store of {other}"));

        Assert.Empty(reaching);
    }

    [Fact]
    public void Files_are_short_enough_to_be_read_in_one_go() =>
        Assert.Empty(Files.Where(f => File.ReadLines(f).Count() > 300).Select(Path.GetFileName));

    [Fact]
    public void Lines_fit_the_screen() =>
        Assert.Empty(Files.Where(f => File.ReadLines(f).Any(line => line.Length > 140)).Select(Path.GetFileName));

    private static bool Uses(string file, string space) => File.ReadLines(file).Any(line => line.StartsWith($"using {space}", StringComparison.Ordinal));

    private static string Folder(string file) => Path.GetRelativePath(Source, file).Split('/')[0];

    private static Regex StoreOf(string feature) => new(feature switch
    {
        "Categories" => @"\bCategoryStore\b",
        "Addresses" => @"\bAddressStore\b",
        _ => $@"\b{feature.TrimEnd('s')}Store\b",
    });

    private static string Above(string folder) =>
        File.Exists(Path.Combine(folder, "Tienda.slnx")) ? folder : Above(Path.GetDirectoryName(folder.TrimEnd('/'))!);
}
