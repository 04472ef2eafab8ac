namespace Tienda;

/// <summary>The largest figures that the shop takes. Together they keep every total below 10^13, exact in 64 bits and in a JSON reader's double.</summary>
public static class Limits
{
    /// <summary>Text, because attributes know no decimals.</summary>
    public const string MaximumPrice = "9999999999.99";

    /// <summary>The largest total of an order.</summary>
    public const string MaximumTotal = "9999999999999.99";

    public const int MaximumStock = 1_000_000_000;

    public const int MaximumQuantity = 1_000_000;

    /// <summary>Lines of one order.</summary>
    public const int MaximumOrderLines = 500;
}
