using System.Text.RegularExpressions;

namespace Tienda.UnitTests;

/// <summary>The dependency rules of the code base, read from the sources.</summary>
public sealed partial class ArchitectureTests
{
    private static readonly string[] Features =
        ["Products", "Categories", "Clients", "Addresses", "Orders", "OrderDetails", "Bills", "Reviews"];

    // What takes part in an order's transaction beside the stores.
    private static readonly string[] Transactions =
    [
        "OrderLane.cs", "OrderBatch.cs", "KeyedRequest.cs", "KeyPurge.cs", "CancelOrder.cs", "LockedOrder.cs", "LockedProduct.cs",
        "OrderStock.cs", "ClientErasure.cs", "ClientExport.cs", "CacheChanges.cs",
    ];

    /// <summary>The folder with Tienda.slnx, above the built tests.</summary>
    internal static string Root { get; } = Above(AppContext.BaseDirectory);

    private static string Source { get; } = Path.Combine(Root, "src", "Tienda");

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
    public void Only_caching_and_security_name_the_redis_client() =>
        Assert.DoesNotContain(Files, f => Uses(f, "StackExchange.Redis") && Folder(f) is not ("Caching" or "Security"));

    [Fact]
    public void A_feature_does_not_call_another_ones_store()
    {
        // To name another store's columns and read its rows in a statement of one's own is allowed; to be given the store is not.
        var calling = Files.Where(f => Features.Contains(Folder(f))).SelectMany(file => StoreParameter().Matches(File.ReadAllText(file))
            .Select(m => m.Groups[1].Value)
            .Where(store => !File.Exists(Path.Combine(Source, Folder(file), store + ".cs")))
            .Select(store => $"{Path.GetFileName(file)} calls {store}"));

        Assert.Empty(calling);
    }

    [Fact]
    public void Files_are_short_enough_to_be_read_in_one_go() =>
        Assert.Empty(Files.Where(f => File.ReadLines(f).Count() > 300).Select(Path.GetFileName));

    [Fact]
    public void Lines_fit_the_screen() =>
        Assert.Empty(Files.Where(f => File.ReadLines(f).Any(line => line.Length > 140)).Select(Path.GetFileName));

    private static bool Uses(string file, string space) =>
        File.ReadLines(file).Any(line => line.StartsWith($"using {space}", StringComparison.Ordinal));

    private static string Folder(string file) => Path.GetRelativePath(Source, file).Split('/')[0];

    private static string Above(string folder) =>
        File.Exists(Path.Combine(folder, "Tienda.slnx")) ? folder : Above(Path.GetDirectoryName(folder.TrimEnd('/'))!);

    [GeneratedRegex(@"\b(\w+Store) [a-z]\w*[,)]")]
    private static partial Regex StoreParameter();
}
