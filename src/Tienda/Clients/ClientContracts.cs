using System.ComponentModel.DataAnnotations;
using System.Text.RegularExpressions;
using Tienda.Caching;
using Tienda.Http;
using Tienda.Security;

namespace Tienda.Clients;

/// <summary>A person who buys. The password is never shown.</summary>
public sealed record Client : IChangesUnseen
{
    public required long IdKey { get; init; }

    public required string Name { get; init; }

    public required string Lastname { get; init; }

    public required string Email { get; init; }

    public required string? Telephone { get; init; }

    public required DateTime CreatedAt { get; init; }

    internal long PasswordVersion { get; init; }

    long IChangesUnseen.Version => PasswordVersion;
}

/// <summary>A new client.</summary>
[IgnoresReadOnlyFieldsOf<Client>]
public sealed record CreateClientRequest
{
    /// <summary>1 to 100 characters.</summary>
    [MustBeSent, Text(1, 100)]
    public string? Name { get; init; }

    /// <summary>1 to 100 characters.</summary>
    [MustBeSent, Text(1, 100)]
    public string? Lastname { get; init; }

    /// <summary>An e-mail address of at most 254 characters, unique whatever its case.</summary>
    [MustBeSent, Email]
    public string? Email { get; init; }

    /// <summary>7 to 20 digits without a leading zero, with or without a plus sign before them.</summary>
    [Telephone]
    public string? Telephone { get; init; }

    /// <summary>8 to 200 characters.</summary>
    [MustBeSent, Text(Passwords.MinimumLength, Passwords.MaximumLength)]
    public string? Password { get; init; }
}

/// <summary>Changes to a client. Fields that are left out stay as they are.</summary>
[IgnoresReadOnlyFieldsOf<Client>]
public sealed record UpdateClientRequest : PartialUpdate
{
    /// <summary>1 to 100 characters.</summary>
    [NotNullIfSent, Text(1, 100)]
    public string? Name { get; set; }

    /// <summary>1 to 100 characters.</summary>
    [NotNullIfSent, Text(1, 100)]
    public string? Lastname { get; set; }

    /// <summary>An e-mail address of at most 254 characters, unique whatever its case.</summary>
    [NotNullIfSent, Email]
    public string? Email { get; set; }

    /// <summary>7 to 20 digits without a leading zero, with or without a plus sign before them; or null for none.</summary>
    [Telephone]
    public string? Telephone { get; set; }

    /// <summary>A new password of 8 to 200 characters.</summary>
    [NotNullIfSent, Text(Passwords.MinimumLength, Passwords.MaximumLength)]
    public string? Password { get; set; }
}

/// <summary>
/// An address that mail could be sent to: a name, one @, and a host name with a dot. Letters of any script are taken (RFC 6531);
/// quoted names and numeric hosts, which nobody has and much software mistreats, are not.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed partial class EmailAttribute() : ValidationAttribute("is not an e-mail address")
{
    private const int MaximumLength = 254;

    public override bool IsValid(object? value) =>
        value is null || (value is string { Length: <= MaximumLength } email && Form().IsMatch(email));

    [GeneratedRegex(
        @"\A(?=[^@]{1,64}@)[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+(\.[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+)*"
        + @"@([\p{L}\p{N}]([\p{L}\p{M}\p{N}-]{0,61}[\p{L}\p{M}\p{N}])?\.)+[\p{L}]([\p{L}\p{M}\p{N}-]{0,61}[\p{L}\p{M}\p{N}])\z",
        RegexOptions.ExplicitCapture)]
    private static partial Regex Form();
}

/// <summary>A telephone number as it is dialled, in the manner of E.164.</summary>
public sealed class TelephoneAttribute : RegularExpressionAttribute
{
    public TelephoneAttribute() : base(@"^\+?[1-9][0-9]{6,19}$")
    {
        ErrorMessage = "must be 7 to 20 digits without a leading zero, with or without a plus sign before them";
    }

    // The base lets the empty string pass, as if nothing had been typed into a form.
    public override bool IsValid(object? value) => value is not "" && base.IsValid(value);
}
