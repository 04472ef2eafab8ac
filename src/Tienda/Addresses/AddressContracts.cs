using Tienda.Http;
using Tienda.Security;

namespace Tienda.Addresses;

/// <summary>Where a client's orders can be sent.</summary>
public sealed record Address
{
    public required long IdKey { get; init; }

    public required string Street { get; init; }

    public required string Number { get; init; }

    public required string City { get; init; }

    /// <summary>The client whose address it is.</summary>
    public required long ClientId { get; init; }
}

/// <summary>A new address of a client.</summary>
[IgnoresReadOnlyFieldsOf<Address>]
public sealed record CreateAddressRequest
{
    /// <summary>1 to 200 characters.</summary>
    [MustBeSent, Text(1, 200)]
    public string? Street { get; init; }

    /// <summary>1 to 20 characters, such as 7, 12B or s/n.</summary>
    [MustBeSent, Text(1, 20)]
    public string? Number { get; init; }

    /// <summary>1 to 100 characters.</summary>
    [MustBeSent, Text(1, 100)]
    public string? City { get; init; }

    /// <summary>The client whose address it is. Clients may leave it out; an administrator must name one.</summary>
    [ClientOfCaller]
    public long? ClientId { get; init; }
}

/// <summary>Changes to an address. Fields that are left out stay as they are.</summary>
[IgnoresReadOnlyFieldsOf<Address>]
public sealed record UpdateAddressRequest : PartialUpdate
{
    /// <summary>1 to 200 characters.</summary>
    [NotNullIfSent, Text(1, 200)]
    public string? Street { get; set; }

    /// <summary>1 to 20 characters, such as 7, 12B or s/n.</summary>
    [NotNullIfSent, Text(1, 20)]
    public string? Number { get; set; }

    /// <summary>1 to 100 characters.</summary>
    [NotNullIfSent, Text(1, 100)]
    public string? City { get; set; }

    /// <summary>The client whose address it is. Cannot be changed once an order was sent to it.</summary>
    [NotNullIfSent, ClientOfCaller(MayBeLeftOut = true)]
    public long? ClientId { get; set; }
}
