using System.Text;
using Tienda.Data;

namespace Tienda.Products;

/// <summary>What was searched for, word by word, as the vocabulary reads it (docs/search.md).</summary>
/// <param name="Terms">None, if there is no word in what was typed.</param>
public sealed record SearchTerms(IReadOnlyList<SearchTerm> Terms)
{
    /// <summary>What was searched for instead of what was typed, for a header: UTF-8, percent-encoded where it is not ASCII.</summary>
    public string? Corrected => Terms.Any(t => t.IsCorrected) ? Encoded(string.Join(' ', Terms.Select(t => t.Word))) : null;

    /// <summary>
    /// Whether nothing says that a word is wrong. If nothing is found nevertheless, the vocabulary may have one that no product has any
    /// more.
    /// </summary>
    public bool IsTrusted => Terms.Count > 0 && Terms.All(t => t.IsKnown || t.IsCorrected);

    /// <summary>Any of the words, or of those that they stand for; as a tsquery.</summary>
    public string AnyMeant => string.Join(" | ", Terms.SelectMany(t => t.Meant).Distinct());

    /// <summary>Any of the words as they were typed.</summary>
    public string AnyTyped => string.Join(" | ", Terms.Select(t => Quoted(t.Word)));

    /// <summary>Whether a category is named.</summary>
    public bool NameCategories => Terms.Any(t => t.Categories.Length > 0);

    /// <summary>The categories that are named.</summary>
    public long[] Categories => [.. Terms.SelectMany(t => t.Categories).Distinct()];

    /// <summary>A tsquery that is read once in a statement that is planned without knowing it, and not for every row.</summary>
    /// <param name="text">What stands for its text.</param>
    public static string ReadOnce(string text) => $"(SELECT {text}::text::tsquery)";

    /// <summary>Every word has to be in the product, or in the name of a category that it is in.</summary>
    /// <param name="isPlannedOnce">Whether the statement is planned without knowing the words.</param>
    public void AddTo(ListStatement list, bool isPlannedOnce)
    {
        if (Terms.Count == 0)
        {
            list.And("false");
            return;
        }

        if (Terms.Where(t => t.Categories.Length == 0).Select(t => $"({t.Query})").ToList() is { Count: > 0 } plain)
        {
            list.And($"search @@ {Query(string.Join(" & ", plain))}");
        }

        foreach (var term in Terms.Where(t => t.Categories.Length > 0))
        {
            list.And($"(search @@ {Query(term.Query)} OR category_id = ANY ({list.Bound(term.Categories)}))");
        }

        string Query(string text) => isPlannedOnce ? ReadOnce(list.Bound(text)) : $"{list.Bound(text)}::text::tsquery";
    }

    internal static string Quoted(string word) => $"'{word.Replace("'", "''", StringComparison.Ordinal)}'";

    private static string Encoded(string text)
    {
        var encoded = new StringBuilder();
        foreach (var letter in Encoding.UTF8.GetBytes(text))
        {
            _ = letter is >= (byte)' ' and < 127 ? encoded.Append((char)letter) : encoded.Append('%').Append(letter.ToString("X2"));
        }

        return encoded.ToString();
    }
}

/// <param name="Word">As it was typed, without accents, or as it was probably meant.</param>
/// <param name="IsKnown">Whether the vocabulary has what was typed.</param>
/// <param name="Query">It and the words that it stands for; as a tsquery.</param>
/// <param name="Words">The same, one by one.</param>
/// <param name="IsBegun">Whether all words that begin with it are meant as well.</param>
/// <param name="Categories">Those with such a word in their name, and those below them.</param>
public sealed record SearchTerm(
    string Word, bool IsKnown, bool IsCorrected, string Query, string[] Words, bool IsBegun, long[] Categories)
{
    /// <summary>What stands in <see cref="Query"/>, one by one.</summary>
    public IEnumerable<string> Meant =>
        Words.Select(word => SearchTerms.Quoted(word) + (IsBegun && word == Word ? ":*" : ""));
}
