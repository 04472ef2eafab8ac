using System.Buffers;
using System.Globalization;
using System.Reflection;
using Microsoft.AspNetCore.WebUtilities;
using Tienda.Http;
using Tienda.Products;

namespace Tienda.Caching;

/// <summary>
/// The name of a cacheable answer, such as <c>products:list:skip:0:limit:20</c> or <c>products:id:7</c>. Requests that mean the same have
/// the same name: parameters stand in one order, defaults are written out, and what no list knows is left out. A request that the shop
/// may refuse, or that is spelled in an unusual way, has none; it is answered without the cache.
/// </summary>
public static class CacheKey
{
    /// <summary>Characters that any name fits in.</summary>
    public const int Longest = 700;

    private const string ProductList = "products:list";
    private const string ProductFacets = "products:facets";
    private const string CategoryList = "categories:list";
    private const string ReviewList = "reviews:product:";
    private const int LongestText = 200;

    // A skip of so many digits, 1000 or more, is deep.
    private const int DeepDigits = 4;

    // In the order in which they stand in a name; search is the last because it can contain anything.
    private static readonly string[] Parameters =
        ["skip", "limit", "after", "count", "category_id", "min_price", "max_price", "in_stock", "sort", "search"];

    private const string DefaultLimit = "100";

    private const int Search = 9;

    // Which of them are known, a bit for each: to every list, to that of products, and to who counts those.
    private const int Common = 0b_00_0000_1111;
    private const int All = 0b_11_1111_1111;
    private const int Filters = 0b_10_1111_0000;

    private static readonly string[] Sorts =
        typeof(ProductQuery).GetProperty(nameof(ProductQuery.Sort))!.GetCustomAttribute<OneOfAttribute>()!.Words;

    private static readonly SearchValues<char> Base64Url =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    /// <summary>Writes the name of the answer to a GET.</summary>
    /// <returns>Its length, or 0 if the answer is not cacheable.</returns>
    public static int Write(ReadOnlySpan<char> path, ReadOnlySpan<char> query, Span<char> key)
    {
        path = path is [.., '/'] ? path[..^1] : path;
        if (TakePrefix(ref path, "/products"))
        {
            return path.Length == 0 ? WriteList(ProductList, default, query, All, key)
                : path is "/facets" ? WriteList(ProductFacets, default, query, Filters, key)
                : !TakeId(ref path, out var id) ? 0
                : path.Length == 0 ? Write(key, "products:id:", id)
                : path is "/reviews" ? WriteList(ReviewList, id, query, Common, key)
                : 0;
        }

        return !TakePrefix(ref path, "/categories") ? 0
            : path.Length == 0 ? WriteList(CategoryList, default, query, Common, key)
            : TakeId(ref path, out var category) && path.Length == 0 ? Write(key, "categories:id:", category)
            : 0;
    }

    /// <summary>Whether the answer is a page far from the beginning of its list, as few ask for and a crawler asks for all of.</summary>
    public static bool IsDeep(string key)
    {
        var rest = key.AsSpan();
        if (key.StartsWith(ProductFacets, StringComparison.Ordinal) || rest.IndexOf(":skip:") is not (>= 0 and var start))
        {
            return false;
        }

        rest = rest[(start + ":skip:".Length)..];
        var skip = rest[..rest.IndexOf(':')];
        rest = rest[(skip.Length + ":limit:".Length)..];
        return rest.IndexOf(':') is >= 0 and var end && rest[end..].StartsWith(":after:") || skip.Length >= DeepDigits;
    }

    /// <summary>Whether the answer is one of categories, which are kept longer.</summary>
    public static bool IsOfCategories(string key) => key.StartsWith("categories:", StringComparison.Ordinal);

    /// <summary>The route of a path that may be answered from the cache, as the documentation writes it; null for another path.</summary>
    public static string? RouteOf(ReadOnlySpan<char> path)
    {
        path = path is [.., '/'] ? path[..^1] : path;
        return TakePrefix(ref path, "/products")
            ? path.Length == 0 ? "/products"
                : path is "/facets" ? "/products/facets"
                : path.EndsWith("/reviews") ? "/products/{id_key}/reviews" : "/products/{id_key}"
            : TakePrefix(ref path, "/categories") ? path.Length == 0 ? "/categories" : "/categories/{id_key}"
            : null;
    }

    /// <summary>The URL of the next page of a list: the same request, as its name has it, with another place to begin.</summary>
    public static string NextUrl(string key, Cursor next)
    {
        var (path, rest) = key.StartsWith(ProductList, StringComparison.Ordinal) ? ("/products", key[ProductList.Length..])
            : key.StartsWith(CategoryList, StringComparison.Ordinal) ? ("/categories", key[CategoryList.Length..])
            : (string.Create(CultureInfo.InvariantCulture, $"/products/{key.Split(':')[2]}/reviews"),
                key[key.IndexOf(":skip:", StringComparison.Ordinal)..]);
        var query = new Dictionary<string, string?>();
        while (rest.Length > 0)
        {
            var name = rest[1..rest.IndexOf(':', 1)];
            var value = rest[(name.Length + 2)..];
            value = name != "search" && value.IndexOf(':', StringComparison.Ordinal) is > 0 and var end ? value[..end] : value;
            rest = rest[(name.Length + value.Length + 2)..];
            if (name is not ("skip" or "after"))
            {
                query.Add(name, value);
            }
        }

        query.Add("after", next.ToString());
        return QueryHelpers.AddQueryString(path, query);
    }

    private static int WriteList(
        string prefix, ReadOnlySpan<char> id, ReadOnlySpan<char> query, int known, Span<char> key)
    {
        Span<Range> values = stackalloc Range[Parameters.Length];
        if (!Find(query, known, values))
        {
            return 0;
        }

        var length = Write(key, prefix, id);
        for (var i = 0; i < Parameters.Length; i++)
        {
            if (((known >> i) & 1) == 0)
            {
                continue;
            }

            var sent = query[values[i]];
            var value = Canonical(i, sent);
            if (value.Length == 0 && sent.Length > 0)
            {
                return 0;
            }

            if (value.Length > 0 && !IsDefault(i, value, query[values[Search]]))
            {
                length += Write(key[length..], ":", Parameters[i]);
                length += Write(key[length..], ":", value);
            }
        }

        return length;
    }

    /// <summary>Finds the values of the known parameters; false if one stands twice, is empty, or may be one in another spelling.</summary>
    private static bool Find(ReadOnlySpan<char> query, int known, Span<Range> values)
    {
        var start = query is ['?', ..] ? 1 : 0;
        while (start < query.Length)
        {
            var end = query[start..].IndexOf('&') is >= 0 and var next ? start + next : query.Length;
            var part = query[start..end];
            var equals = part.IndexOf('=');
            var name = equals < 0 ? part : part[..equals];
            if (name.ContainsAny('%', '+'))
            {
                return false;
            }

            for (var i = 0; i < Parameters.Length; i++)
            {
                if (((known >> i) & 1) == 0 || !name.Equals(Parameters[i], StringComparison.OrdinalIgnoreCase))
                {
                    continue;
                }

                var isFirst = values[i].Equals(default);
                var value = equals < 0 ? default : part[(equals + 1)..];
                if (!isFirst || !name.SequenceEqual(Parameters[i]) || value.Length == 0)
                {
                    return false;
                }

                values[i] = new Range(start + equals + 1, end);
            }

            start = end + 1;
        }

        return true;
    }

    /// <summary>The value as it stands in the name; empty if the list might refuse it or read it as something else.</summary>
    private static ReadOnlySpan<char> Canonical(int parameter, ReadOnlySpan<char> value) => parameter switch
    {
        0 => value.Length == 0 ? "0" : IsWhole(value, 0, ListQuery.MaximumSkip) ? value : default,
        1 => value.Length == 0 ? DefaultLimit : IsWhole(value, 1, ListQuery.MaximumLimit) ? value : default,
        _ when value.Length == 0 => default,
        2 => value.Length <= LongestText && !value.ContainsAnyExcept(Base64Url) ? value : default,
        3 => value is "exact" ? value : default,
        4 => IsId(value) ? value : default,
        // A plus sign is a blank in a query.
        5 or 6 => !value.Contains('+') && Money.TryParse(value.ToString(), CultureInfo.InvariantCulture, out var price)
            ? price.ToString()
            : default,
        7 => value is "true" or "false" ? value : default,
        Search => Decoded(value),
        _ => IsSort(value) ? value : default,
    };

    // What was searched for comes by relevance.
    private static bool IsDefault(int parameter, ReadOnlySpan<char> value, ReadOnlySpan<char> search) =>
        (parameter == Search && value.IsWhiteSpace()) || (parameter == Search - 1 && value is Cursor.ById && search.Length == 0);

    private static ReadOnlySpan<char> Decoded(ReadOnlySpan<char> value)
    {
        // As the framework reads it.
        var text = value.ContainsAny('%', '+') ? Uri.UnescapeDataString(value.ToString().Replace('+', ' ')) : value;
        return text.Length <= LongestText ? text : default;
    }

    private static bool IsSort(ReadOnlySpan<char> value)
    {
        foreach (var sort in Sorts)
        {
            if (value.SequenceEqual(sort))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsWhole(ReadOnlySpan<char> value, int lowest, int highest) =>
        value.Length <= 5 && IsPlainNumber(value)
        && int.Parse(value, NumberStyles.None, CultureInfo.InvariantCulture) is var number && number >= lowest && number <= highest;

    private static bool IsId(ReadOnlySpan<char> value) =>
        IsPlainNumber(value) && value[0] != '0' && long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out _);

    private static bool IsPlainNumber(ReadOnlySpan<char> value) =>
        value.Length > 0 && !value.ContainsAnyExceptInRange('0', '9') && (value[0] != '0' || value.Length == 1);

    private static bool TakePrefix(ref ReadOnlySpan<char> path, string prefix)
    {
        if (!path.StartsWith(prefix, StringComparison.Ordinal) || (path.Length > prefix.Length && path[prefix.Length] != '/'))
        {
            return false;
        }

        path = path[prefix.Length..];
        return true;
    }

    private static bool TakeId(ref ReadOnlySpan<char> path, out ReadOnlySpan<char> id)
    {
        var end = path[1..].IndexOf('/') is >= 0 and var next ? next + 1 : path.Length;
        id = path[1..end];
        path = path[end..];
        return IsId(id);
    }

    private static int Write(Span<char> key, ReadOnlySpan<char> first, ReadOnlySpan<char> second)
    {
        first.CopyTo(key);
        second.CopyTo(key[first.Length..]);
        return first.Length + second.Length;
    }
}
