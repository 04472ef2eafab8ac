using System.Globalization;

namespace Tienda.Http;

/// <summary>
/// A path id: a positive 64-bit number, written in the one way. What <c>long</c> would also take (<c>+1</c>, <c>01</c>, spaces around)
/// would give one record several addresses.
/// </summary>
public sealed class IdConstraint : IRouteConstraint
{
    /// <summary>The constraint's name in route patterns: <c>{id_key:id}</c>.</summary>
    public const string Name = "id";

    public bool Match(
        HttpContext? httpContext, IRouter? route, string routeKey, RouteValueDictionary values, RouteDirection routeDirection) =>
        values[routeKey] switch
        {
            // Routing asks this of ids that it makes a Location of, too.
            long id => id > 0,
            string { Length: > 0 } text => text[0] is >= '1' and <= '9'
                && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out _),
            _ => false,
        };
}
