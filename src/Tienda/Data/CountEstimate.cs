using System.Globalization;
using System.Text.Json;

namespace Tienda.Data;

/// <summary>
/// How long a list is, in a time that does not grow with it. PostgreSQL is asked what it would cost to count as far as
/// <see cref="Bound"/>: then it is counted so far, or what PostgreSQL expects from its statistics has to do.
/// </summary>
/// <param name="Cost">Of counting so far, in PostgreSQL's units.</param>
/// <param name="Rows">How many there are by its statistics.</param>
public readonly record struct CountEstimate(double Cost, long Rows)
{
    /// <summary>An estimate is exact up to here, if an index leads to the rows.</summary>
    public const int Bound = 10_000;

    // What as many rows cost that an index finds and that lie each on another page: four units for the page, and some for the way there.
    private const double Affordable = 45_000;

    public bool IsCheapToCount => Cost <= Affordable;

    /// <param name="found">What <see cref="Count"/> has found.</param>
    public long Of(long found) => found <= Bound ? found : Math.Max(found, Rows);

    public static string Count(string matches) =>
        string.Create(CultureInfo.InvariantCulture, $"SELECT count(*) FROM ({matches} LIMIT {Bound + 1}) AS matches");

    /// <summary>Asks for the plan that <see cref="Read"/> reads.</summary>
    public static string Plan(string matches) =>
        string.Create(CultureInfo.InvariantCulture, $"EXPLAIN (FORMAT JSON) {matches} LIMIT {Bound + 1}");

    public static CountEstimate Read(string plan)
    {
        using var document = JsonDocument.Parse(plan);
        var limit = document.RootElement[0].GetProperty("Plan");
        var matches = limit.GetProperty("Plans").EnumerateArray()
            .Single(child => child.GetProperty("Parent Relationship").ValueEquals("Outer"));
        return new CountEstimate(limit.GetProperty("Total Cost").GetDouble(), (long)matches.GetProperty("Plan Rows").GetDouble());
    }
}
