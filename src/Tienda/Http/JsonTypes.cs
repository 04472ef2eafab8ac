using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;

namespace Tienda.Http;

/// <summary>Finds the C# type that the JSON contract expects at a path such as <c>items[0].quantity</c>.</summary>
public static partial class JsonTypes
{
    public static Type? TypeAt(Type body, string path)
    {
        var type = body;
        foreach (var step in path.Split('.', StringSplitOptions.RemoveEmptyEntries))
        {
            var name = Index().Replace(step, "");
            if (TiendaJson.Wire.GetTypeInfo(type) is not { Kind: JsonTypeInfoKind.Object } info
                || info.Properties.FirstOrDefault(p => p.Name == name) is not { } property)
            {
                return null;
            }

            type = step.EndsWith(']') && TiendaJson.Wire.GetTypeInfo(property.PropertyType).ElementType is { } element
                ? element
                : property.PropertyType;
            type = Nullable.GetUnderlyingType(type) ?? type;
        }

        return type;
    }

    [GeneratedRegex(@"\[\d+\]$")]
    private static partial Regex Index();
}
