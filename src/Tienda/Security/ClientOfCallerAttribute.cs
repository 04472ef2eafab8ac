using System.ComponentModel.DataAnnotations;

namespace Tienda.Security;

/// <summary>
/// The id_key of the client on whose behalf something is written. A client may leave it out or send the own one; an administrator,
/// who is nobody's client, must name one.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ClientOfCallerAttribute() : RangeAttribute(typeof(long), "1", "9223372036854775807")
{
    /// <summary>Whether an administrator may leave it out too, as in a change that keeps what is there.</summary>
    public bool MayBeLeftOut { get; init; }

    public override bool RequiresValidationContext => true;

    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext)
    {
        var caller = validationContext.GetRequiredService<RequestCaller>().Principal;
        return value switch
        {
            null when caller.IsAdministrator && !MayBeLeftOut => new ValidationResult("is required"),
            null => ValidationResult.Success,
            <= 0L => new ValidationResult("must be a positive whole number"),
            long id when !caller.IsAdministrator && id != caller.ClientId => new ValidationResult("must be your own id_key, or left out"),
            _ => ValidationResult.Success,
        };
    }
}
