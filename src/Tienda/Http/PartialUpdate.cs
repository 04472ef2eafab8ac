using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization.Metadata;

namespace Tienda.Http;

/// <summary>
/// A request that changes only the fields that it carries. A field that was left out differs from one that was sent as null,
/// so the JSON contract notes each field that it sets.
/// </summary>
public abstract record PartialUpdate
{
    private readonly HashSet<string> _sent = [];

    /// <summary>Whether the field was in the body, also as null.</summary>
    /// <param name="property">Name of the C# property, by <c>nameof</c>.</param>
    public bool Has(string property) => _sent.Contains(property);

    /// <summary>Makes every property of a partial update note that it was set.</summary>
    public static void NoteSentFields(JsonTypeInfo contract)
    {
        if (!contract.Type.IsAssignableTo(typeof(PartialUpdate)))
        {
            return;
        }

        foreach (var property in contract.Properties)
        {
            if (property is { Set: { } set, AttributeProvider: System.Reflection.MemberInfo member })
            {
                property.Set = (request, value) =>
                {
                    ((PartialUpdate)request)._sent.Add(member.Name);
                    set(request, value);
                };
            }
        }
    }
}

/// <summary>The field may be left out of a partial update, but not be sent as null.</summary>
public sealed class NotNullIfSentAttribute : ValidationAttribute
{
    public NotNullIfSentAttribute() : base("must not be null")
    {
    }

    public override bool RequiresValidationContext => true;

    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        value is null && validationContext.ObjectInstance is PartialUpdate update && update.Has(validationContext.MemberName!)
            ? new ValidationResult(ErrorMessage ?? ErrorMessageString, [validationContext.MemberName!])
            : ValidationResult.Success;
}

/// <summary>
/// The request is a changed copy of <typeparamref name="TAnswer"/>: fields of the answer that cannot be written are taken and ignored,
/// so that what was read can be sent back. Every other unknown field is refused.
/// </summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class IgnoresReadOnlyFieldsOfAttribute<TAnswer> : Attribute, IIgnoresReadOnlyFields
{
    public Type Answer => typeof(TAnswer);
}

public interface IIgnoresReadOnlyFields
{
    Type Answer { get; }

    /// <summary>Adds the fields of the answer that the request lacks, without any effect.</summary>
    static void AddIgnoredFields(JsonTypeInfo contract)
    {
        if (contract.Type.GetCustomAttributes(inherit: false).OfType<IIgnoresReadOnlyFields>().FirstOrDefault() is not { } rule)
        {
            return;
        }

        var writable = contract.Properties.Select(p => p.Name).ToHashSet();
        foreach (var field in contract.Options.GetTypeInfo(rule.Answer).Properties.Where(p => !writable.Contains(p.Name)))
        {
            var ignored = contract.CreateJsonPropertyInfo(typeof(System.Text.Json.JsonElement), field.Name);
            ignored.Set = static (_, _) => { };
            contract.Properties.Add(ignored);
        }
    }
}
