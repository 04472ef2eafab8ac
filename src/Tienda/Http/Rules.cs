// What a value must look like, in words that stand alone after the field's name: "must be …".
using System.ComponentModel.DataAnnotations;
using System.Globalization;

namespace Tienda.Http;

/// <summary>The field must be there and not null.</summary>
public sealed class MustBeSentAttribute : RequiredAttribute
{
    public MustBeSentAttribute()
    {
        AllowEmptyStrings = true;
        ErrorMessage = "is required";
    }
}

/// <summary>A string of a bounded number of Unicode code points, as JSON Schema and PostgreSQL count them.</summary>
public class TextAttribute : StringLengthAttribute
{
    public TextAttribute(int minimum, int maximum) : base(maximum)
    {
        MinimumLength = minimum;
        ErrorMessage = minimum > 0
            ? string.Create(CultureInfo.InvariantCulture, $"must have {minimum} to {maximum} characters, not only white space")
            : string.Create(CultureInfo.InvariantCulture, $"must have at most {maximum} characters");
    }

    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext)
    {
        if (value is not string text)
        {
            return ValidationResult.Success;
        }

        if (text.Contains('\0', StringComparison.Ordinal))
        {
            return new ValidationResult("must not contain the NUL character");
        }

        var length = text.Length - text.Count(char.IsLowSurrogate);
        var blank = MinimumLength > 0 && string.IsNullOrWhiteSpace(text);
        return blank || length < MinimumLength || length > MaximumLength ? new ValidationResult(ErrorMessage) : ValidationResult.Success;
    }
}

/// <summary>A whole number within bounds.</summary>
public class WholeAttribute : RangeAttribute
{
    public WholeAttribute(long minimum, long maximum, string? hint = null)
        : base(typeof(long), minimum.ToString(CultureInfo.InvariantCulture), maximum.ToString(CultureInfo.InvariantCulture))
    {
        ErrorMessage = string.Create(CultureInfo.InvariantCulture, $"must be {minimum} to {maximum}") + hint;
    }
}

/// <summary>The id_key of a record.</summary>
public sealed class IdAttribute : RangeAttribute
{
    public IdAttribute() : base(typeof(long), "1", "9223372036854775807")
    {
        ErrorMessage = "must be a positive whole number";
    }
}

/// <summary>An amount of money with at most two decimals. The bounds are text, because attributes know no decimals.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class AmountAttribute : RangeAttribute
{
    public AmountAttribute(string minimum, string maximum) : base(typeof(decimal), minimum, maximum)
    {
        ErrorMessage = $"must be {minimum} to {maximum}";
        ParseLimitsInInvariantCulture = true;
    }

    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        !IsValid(value) ? new ValidationResult(ErrorMessage)
        : value is decimal amount && decimal.Round(amount, Money.Decimals) != amount
            ? new ValidationResult("must have at most two decimals")
            : ValidationResult.Success;
}

/// <summary>One of a few words.</summary>
public sealed class OneOfAttribute(params string[] words) : ValidationAttribute("must be one of " + string.Join(", ", words))
{
    public string[] Words { get; } = words;

    public override bool IsValid(object? value) => value is null || Words.Contains(value as string);
}

/// <summary>A list of a bounded number of elements, none of them null.</summary>
public sealed class ElementsAttribute : ValidationAttribute
{
    private readonly int _minimum;
    private readonly int _maximum;

    public ElementsAttribute(int minimum, int maximum)
        : base(string.Create(CultureInfo.InvariantCulture, $"must have {minimum} to {maximum} elements, none of them null"))
    {
        _minimum = minimum;
        _maximum = maximum;
    }

    public override bool IsValid(object? value) =>
        value is not IReadOnlyCollection<object?> list || (list.Count >= _minimum && list.Count <= _maximum && !list.Contains(null));
}
