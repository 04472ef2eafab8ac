using System.Globalization;
using Tienda.Http;

namespace Tienda.Products;

/// <summary>
/// A place in a list by relevance. Such a list has two parts: the products that most have an opinion of, ordered by how well they match,
/// and then the others, ordered by how many have one.
/// </summary>
/// <param name="Relevance">Of the last product seen in the first part; null in the second.</param>
/// <param name="Reviews">How many reviews the last product seen has.</param>
/// <param name="Id">The last product seen.</param>
/// <param name="Edge">
/// The last product of the first part by the number of its reviews; zeros if there was no second part. Null in the second part.
/// </param>
internal sealed record RelevancePlace(long? Relevance, long Reviews, long Id, (long Reviews, long Id)? Edge = null)
{
    public const string Sort = "relevance";

    public static bool TryRead(Cursor cursor, out RelevancePlace place)
    {
        place = new RelevancePlace(null, 0, cursor.Id);
        if (cursor.Sort != Sort)
        {
            return false;
        }

        var numbers = cursor.Key.Split(',').Select(part =>
            long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1).ToArray();
        if (Array.Exists(numbers, number => number < 0) || numbers.Length is not (1 or 4))
        {
            return false;
        }

        place = numbers switch
        {
            [var reviews] => place with { Reviews = reviews },
            _ => place with { Relevance = numbers[0], Reviews = numbers[1], Edge = (numbers[2], numbers[3]) },
        };
        return true;
    }

    public Cursor ToCursor()
    {
        long?[] numbers = [Relevance, Reviews, Edge?.Reviews, Edge?.Id];
        return new Cursor(Id, Sort, string.Join(',', numbers.OfType<long>().Select(n => n.ToString(CultureInfo.InvariantCulture))));
    }
}
