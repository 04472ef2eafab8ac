using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Tienda.Http;

namespace Tienda.Products;

/// <summary>How many of the products that a list has are of which kind. Kinds without any are left out.</summary>
public sealed record ProductFacets : ISearched
{
    [JsonIgnore]
    public string? Corrected { get; init; }

    /// <summary>Of all of them.</summary>
    public required FacetCount Total { get; init; }

    /// <summary>By the categories directly below the one that was asked for, or by those at the top: the hundred with the most.</summary>
    public required IReadOnlyList<CategoryFacet> Categories { get; init; }

    /// <summary>By price, from the lowest.</summary>
    public required IReadOnlyList<PriceFacet> Prices { get; init; }

    /// <summary>By whether there are any to be had.</summary>
    public required IReadOnlyList<StockFacet> InStock { get; init; }

    /// <summary>By average rating, from the best.</summary>
    public required IReadOnlyList<RatingFacet> Ratings { get; init; }
}

/// <summary>Products of a category and of those below it.</summary>
public sealed record CategoryFacet
{
    public required long CategoryId { get; init; }

    public required string Name { get; init; }

    public required FacetCount Count { get; init; }
}

/// <summary>Products in a range of prices; both ends can be sent as they are, to list them.</summary>
public sealed record PriceFacet
{
    /// <summary>The lowest price, or null for the lowest range.</summary>
    public required Money? MinPrice { get; init; }

    /// <summary>The highest price, or null for the highest range.</summary>
    public required Money? MaxPrice { get; init; }

    public required FacetCount Count { get; init; }
}

/// <summary>Products that are in stock, or that ran out.</summary>
public sealed record StockFacet
{
    public required bool InStock { get; init; }

    public required FacetCount Count { get; init; }
}

/// <summary>Products by their average rating.</summary>
public sealed record RatingFacet
{
    /// <summary>4 stands for 4.00 to 4.99; null for products without reviews.</summary>
    public required int? Rating { get; init; }

    public required FacetCount Count { get; init; }
}

/// <summary>
/// A number of products: exact up to 10000, beyond that the text "10000+". Where too many were found to count them all it is a text like
/// "250+": so many at least.
/// </summary>
[JsonConverter(typeof(FacetCountJsonConverter))]
public readonly record struct FacetCount(long Products, bool AtLeast)
{
    public const long Bound = 10_000;

    public bool IsExact => !AtLeast && Products <= Bound;
}

/// <summary>Writes a number, or that there are more.</summary>
public sealed class FacetCountJsonConverter : JsonConverter<FacetCount>
{
    public override FacetCount Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.Number
            ? new(reader.GetInt64(), false)
            : new(long.Parse(reader.GetString()!.TrimEnd('+'), NumberStyles.None, CultureInfo.InvariantCulture), true);

    public override void Write(Utf8JsonWriter writer, FacetCount value, JsonSerializerOptions options)
    {
        if (value.IsExact)
        {
            writer.WriteNumberValue(value.Products);
        }
        else
        {
            writer.WriteStringValue(string.Create(CultureInfo.InvariantCulture, $"{Math.Min(value.Products, FacetCount.Bound)}+"));
        }
    }
}

/// <summary>The ranges that prices are counted in; 0011_count_products.sql has the same.</summary>
public static class PriceBand
{
    // Where the next one begins, in minor units.
    private static readonly long[] Edges =
        [1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000];

    // No product costs less.
    private const long Cheapest = 1;

    public static Money? From(int band) => band == 0 ? null : new Money(Edges[band - 1]);

    public static Money? To(int band) => band == Edges.Length ? null : new Money(Edges[band] - 1);

    /// <summary>The bands that a range of prices consists of, and what it has of those that it cuts through.</summary>
    /// <returns>The first whole band and the last, which is below the first if there is none; and ranges in minor units.</returns>
    public static (int First, int Last, IReadOnlyList<(long Lowest, long Highest)> Cut) Split(Money? lowest, Money? highest)
    {
        var (from, to) = (lowest?.MinorUnits ?? Cheapest, highest?.MinorUnits ?? long.MaxValue);
        var (first, last) = (BandOf(from), BandOf(to));
        if (from > to)
        {
            return (0, -1, []);
        }

        var cut = new List<(long, long)>();
        if (from > StartOf(first))
        {
            cut.Add((from, Math.Min(to, EndOf(first))));
            first++;
        }

        if (last >= first && to < EndOf(last))
        {
            cut.Add((StartOf(last), to));
            last--;
        }

        return (first, last, cut);
    }

    private static int BandOf(long price) => Edges.Count(edge => edge <= price);

    private static long StartOf(int band) => band == 0 ? Cheapest : Edges[band - 1];

    private static long EndOf(int band) => band == Edges.Length ? long.MaxValue : Edges[band] - 1;
}
