using System.Globalization;

namespace Tienda;

/// <summary>
/// The largest figures that the shop takes. A line's price times quantity fits 64 bits; an order's total also fits a JSON reader's
/// double without loss. Amounts are text, because attributes know no decimals.
/// </summary>
public static class Limits
{
    public const string MaximumPrice = "9999999999.99";

    /// <summary>The largest total of an order.</summary>
    public const string MaximumTotal = "9999999999999.99";

    /// <summary><see cref="MaximumTotal"/> as a number.</summary>
    public static readonly decimal Total = decimal.Parse(MaximumTotal, CultureInfo.InvariantCulture);

    public const int MaximumStock = 1_000_000_000;

    public const int MaximumQuantity = 1_000_000;

    /// <summary>Lines of one order.</summary>
    public const int MaximumOrderLines = 500;
}
