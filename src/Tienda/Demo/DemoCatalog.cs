using System.Globalization;

namespace Tienda.Demo;

/// <summary>One product of the demonstration catalog.</summary>
/// <param name="AgeInDays">How long before the day of seeding it came into the catalog.</param>
public sealed record DemoProduct(string Sku, string Name, string Description, string Category, Money Price, int Stock, int AgeInDays);

/// <summary>A category of the lower level, and what is sold in it.</summary>
/// <param name="Goods">What it sells, and what one costs about, in whole currency units.</param>
public sealed record DemoShelf(string Department, string Category, string[] Materials, (string Name, int Price)[] Goods);

/// <summary>The words of the demonstration catalog, and how a product is put together from its number.</summary>
public static class DemoCatalog
{
    /// <summary>What tells a demonstration product from any other, as a regular expression of PostgreSQL over the sku.</summary>
    public const string SkuPattern = "^DEMO-([0-9]{6})$";

    private static readonly string[] Brands =
    [
        "Alderly", "Brisa", "Castro & Vega", "Dunmore", "Elara", "Fjordal", "Granito", "Hollin", "Isidora", "Juniper Row", "Kestrel",
        "Lumbre", "Marisma", "Norrvik", "Olivar", "Pinard", "Quinto", "Ravello", "Solana", "Tormes", "Umbra", "Velasco", "Westerly",
    ];

    private static readonly string[] Styles =
    [
        "Classic", "Compact", "Everyday", "Fina", "Large", "Light", "Modern", "Original", "Premium", "Rustic", "Slim", "Studio", "Travel",
    ];

    private static readonly string[] Colours =
    [
        "Anthracite", "Bone White", "Chestnut", "Coral", "Forest Green", "Graphite", "Indigo", "Mustard", "Navy", "Sand", "Terracotta",
    ];

    private static readonly string[] Praise =
    [
        "A {0} that is made to be used every day and to be repaired, not replaced.",
        "This {0} does one thing well and takes up little room.",
        "A {0} for people who have already bought a cheap one.",
        "Our best-selling {0}, unchanged for years because nobody asked for a change.",
        "A {0} in a quiet design that goes with what you already have.",
        "Designed with customers of the shop: the {0} they kept asking for.",
    ];

    private static readonly string[] Promises =
    [
        "Comes with a two-year guarantee.", "Spare parts are kept for ten years.", "Packed without plastic.",
        "Can be returned within 30 days.", "Made in small batches.", "Tested by hand before it leaves the workshop.",
    ];

    private static readonly int[] Cents = [0, 50, 90, 95, 99];

    private static readonly DemoShelf[] Shelves =
    [
        new("Kitchen", "Cookware", ["cast iron", "stainless steel", "enamelled steel"],
            [("Frying Pan", 39), ("Saucepan", 45), ("Casserole", 79), ("Paella Pan", 34), ("Griddle", 52)]),
        new("Kitchen", "Tableware", ["stoneware", "porcelain", "earthenware"],
            [("Dinner Plate", 14), ("Soup Bowl", 12), ("Serving Dish", 29), ("Mug", 11), ("Pitcher", 26)]),
        new("Kitchen", "Kitchen Knives", ["high-carbon steel with an oak handle", "stainless steel with a beech handle"],
            [("Chef's Knife", 69), ("Bread Knife", 42), ("Paring Knife", 19), ("Carving Knife", 58), ("Cleaver", 74)]),
        new("Kitchen", "Coffee and Tea", ["aluminium", "glass and steel", "ceramic"],
            [("Moka Pot", 33), ("Coffee Grinder", 58), ("Teapot", 37), ("Pour-over Set", 41), ("Milk Jug", 17)]),
        new("Home", "Lighting", ["brass", "powder-coated steel", "ash wood"],
            [("Desk Lamp", 64), ("Floor Lamp", 129), ("Pendant Lamp", 88), ("Wall Lamp", 57), ("Night Light", 18)]),
        new("Home", "Textiles", ["linen", "organic cotton"],
            [("Cushion Cover", 22), ("Throw", 59), ("Bath Towel", 19), ("Tablecloth", 38), ("Curtain", 49)]),
        new("Home", "Furniture", ["solid oak", "birch plywood", "pine"],
            [("Stool", 75), ("Bookshelf", 189), ("Side Table", 98), ("Bench", 149), ("Coat Rack", 67)]),
        new("Home", "Storage", ["bamboo", "ash wood", "powder-coated steel"],
            [("Basket", 24), ("Storage Box", 21), ("Wall Shelf", 39), ("Shoe Rack", 54), ("Hook Rail", 23)]),
        new("Garden", "Garden Tools", ["galvanised steel", "stainless steel"],
            [("Trowel", 16), ("Hand Fork", 15), ("Spade", 48), ("Rake", 37), ("Watering Can", 29)]),
        new("Garden", "Plants and Pots", ["terracotta", "glazed clay", "recycled plastic"],
            [("Flower Pot", 13), ("Planter", 44), ("Hanging Pot", 21), ("Seed Tray", 9), ("Herb Pot", 10)]),
        new("Outdoors", "Camping", ["ripstop nylon", "recycled polyester"],
            [("Tent", 219), ("Sleeping Mat", 62), ("Hammock", 55), ("Dry Bag", 28), ("Tarpaulin", 46)]),
        new("Outdoors", "Cycling", ["aluminium", "stainless steel"],
            [("Luggage Rack", 59), ("Bike Light", 27), ("Mudguard Set", 32), ("Floor Pump", 43), ("Bell", 12)]),
        new("Outdoors", "Backpacks", ["waxed canvas", "recycled polyester"],
            [("Daypack", 69), ("Rucksack", 119), ("Tote Bag", 25), ("Hip Bag", 32), ("Duffel Bag", 84)]),
        new("Office", "Stationery", ["recycled paper", "cotton paper"],
            [("Notebook", 9), ("Planner", 18), ("Sketchbook", 15), ("Letter Set", 8), ("Desk Pad", 24)]),
        new("Office", "Desk Accessories", ["walnut", "cork", "anodised aluminium"],
            [("Pen Tray", 19), ("Laptop Stand", 54), ("Monitor Riser", 63), ("Letter Tray", 28), ("Bookend", 22)]),
        new("Audio", "Radios and Speakers", ["aluminium", "recycled plastic", "walnut"],
            [("Record Player", 239), ("Desk Radio", 119), ("Bookshelf Speaker", 189), ("Portable Speaker", 79), ("Kitchen Radio", 95)]),
    ];

    /// <summary>The categories of the lower level with the one above each.</summary>
    public static IEnumerable<(string Name, string Parent)> Categories { get; } = [.. Shelves.Select(s => (s.Category, s.Department))];

    /// <summary>The product of a number from 1; another number has another name, up to some 260,000 of them.</summary>
    public static DemoProduct Product(int number)
    {
        var random = new DemoRandom('p', number);
        // The digits of a number in a mixed base choose the words. The factor has none of the bases' prime factors in common with them,
        // so that neighbours differ in every word and no two numbers give the same ones.
        var place = number * 1_000_003L;
        var shelf = Take(Shelves, ref place);
        var (good, about) = Take(shelf.Goods, ref place);
        var brand = Take(Brands, ref place);
        var style = Take(Styles, ref place);
        var colour = Take(Colours, ref place);
        var material = random.Pick(shelf.Materials);
        var price = about * random.Between(70, 160) / 100 * 100 + random.Pick(Cents);
        return new DemoProduct(
            Sku(number),
            $"{brand} {style} {good}, {colour}",
            string.Format(CultureInfo.InvariantCulture, random.Pick(Praise), good.ToLowerInvariant())
                + $" Made of {material}, in {colour.ToLowerInvariant()}. " + random.Pick(Promises),
            shelf.Category,
            new Money(price),
            Stock(ref random),
            random.Between(370, 900));
    }

    public static string Sku(int number) => string.Create(CultureInfo.InvariantCulture, $"DEMO-{number:D6}");

    private static int Stock(ref DemoRandom random) => random.Below(100) switch
    {
        < 4 => 0,
        < 12 => random.Between(1, 5),
        _ => random.Between(10, 250),
    };

    private static T Take<T>(T[] words, ref long place)
    {
        (place, var index) = Math.DivRem(place, words.Length);
        return words[index];
    }
}
