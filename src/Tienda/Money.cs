using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tienda;

/// <summary>An amount in the shop's currency, kept as whole minor units (cents), so that sums are exact.</summary>
/// <param name="MinorUnits">Hundredths of the currency unit: 1999 is 19.99.</param>
[JsonConverter(typeof(MoneyJsonConverter))]
public readonly record struct Money(long MinorUnits) : IParsable<Money>
{
    public const int Decimals = 2;

    /// <summary>Takes an amount that was already checked to have at most two decimals.</summary>
    /// <exception cref="OverflowException">The amount is beyond ±92,233,720,368,547,758.07.</exception>
    public static Money From(decimal amount) => new(decimal.ToInt64(decimal.Round(amount * 100m, 0, MidpointRounding.AwayFromZero)));

    public decimal Amount => new decimal(MinorUnits) / 100m;

    public override string ToString() => Amount.ToString("F2", CultureInfo.InvariantCulture);

    public static Money Parse(string s, IFormatProvider? provider) =>
        TryParse(s, provider, out var money) ? money : throw new FormatException($"'{s}' is not an amount of money.");

    /// <summary>Reads digits with at most two decimals after a point. No thousands separators: 10,50 must not become 1050.</summary>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out Money result)
    {
        const NumberStyles Plain = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint;
        result = default;
        if (!decimal.TryParse(s, Plain, CultureInfo.InvariantCulture, out var amount)
            || decimal.Round(amount, Decimals) != amount
            || Math.Abs(amount) > long.MaxValue / 100)
        {
            return false;
        }

        result = From(amount);
        return true;
    }
}

/// <summary>Writes money as a JSON number with two decimals (19.90), which <c>decimal</c> alone would not promise.</summary>
public sealed class MoneyJsonConverter : JsonConverter<Money>
{
    public override Money Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        Money.From(reader.GetDecimal());

    public override void Write(Utf8JsonWriter writer, Money value, JsonSerializerOptions options)
    {
        Span<char> digits = stackalloc char[32];
        if (value.Amount.TryFormat(digits, out var length, "F2", CultureInfo.InvariantCulture))
        {
            writer.WriteRawValue(digits[..length], skipInputValidation: true);
        }
    }
}
