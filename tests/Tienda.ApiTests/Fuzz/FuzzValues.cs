using System.Globalization;
using System.Text.Json.Nodes;

namespace Tienda.ApiTests.Fuzz;

/// <summary>Makes values from the schemas of the OpenAPI document, right ones and wrong ones, as JSON text.</summary>
public sealed class FuzzValues(JsonNode document, FuzzPool pool)
{
    private static readonly string[] WrongValues =
    [
        "null", "true", "0", "-1", "1.5", "1.234567", "9223372036854775807", "9223372036854775808", "1e999", "-1e-999", "[]", "{}", "[null]",
        "\"\"", "\" \"", "\"\\u0000\"", "\"x\\u0000y\"", "\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\u202e\\ufeff\"", "\"' OR 1=1 --\"", "\"%s%n{0}$1\"",
        "\"2026-13-45T99:99:99Z\"", "\"NaN\"", "\"1\"", "[1,2,3]", "{\"a\":{\"b\":1}}", "01", "1.", "'x'", "NaN", "Infinity", "undefined",
    ];

    private static readonly string[] WrongBodies =
    [
        "", " ", "null", "[]", "5", "\"x\"", "{", "{\"a\":", "{}", "{\"a\":1,\"a\":2}", "{\"\":1}", "\ufeff{}", "\0", "{} {}", "[{}]", "{\"name\":\"x\"",
    ];

    /// <summary>A body, three times of four one that the schema allows.</summary>
    /// <param name="namesClient">Whether the sender has to say for which client.</param>
    public string Body(JsonNode schema, bool namesClient, Dice dice)
    {
        if (dice.Chance(4))
        {
            return dice.Pick(WrongBodies);
        }

        var fields = Fields(schema, dice, namesClient ? 95 : 5);
        if (dice.Chance(25))
        {
            for (var spoilt = 1 + dice.Below(3); spoilt > 0 && fields.Count > 0; spoilt--)
            {
                var at = dice.Below(fields.Count);
                fields[at] = (fields[at].Name, Wrong(dice));
            }
        }

        if (dice.Chance(3))
        {
            fields.Add((dice.Pick(["unknown", "id_key", "name", "__proto__", "$type", ""]), Wrong(dice)));
        }

        return "{" + string.Join(",", fields.Select(f => $"\"{f.Name}\":{f.Value}")) + "}";
    }

    /// <summary>A file of products, half of them right.</summary>
    public static string File(Dice dice)
    {
        var lines = new List<string> { dice.Chance(90) ? "name,price,stock" : dice.Pick(["", "name;price", "name,name", "\"", "sku\0", "surely_unknown"]) };
        for (var count = dice.Below(5); count > 0; count--)
        {
            lines.Add(dice.Chance(90) ? "Lamp,12.5,3" : $"{Wrong(dice)},{Wrong(dice)},{Wrong(dice)}");
        }

        return string.Join(dice.Chance(50) ? "\n" : "\r\n", lines);
    }

    /// <summary>A query value, mostly one that the schema allows.</summary>
    public string Query(string name, JsonNode schema, Dice dice) => dice.Chance(75)
        ? Valid(name, schema, dice).Trim('"')
        : dice.Pick(["", "-1", "0", "abc", "1.5", "9223372036854775808", "%00", "%F0%9F", "%ED%A0%80", "true", "null", "*", "'", "a&b=c", new string('9', 3000)]);

    private List<(string Name, string Value)> Fields(JsonNode schema, Dice dice, int clientPercent = 50)
    {
        var required = Resolve(schema)["required"]?.AsArray().Select(n => (string)n!).ToHashSet() ?? [];
        return Resolve(schema)["properties"]!.AsObject()
            .Where(p => dice.Chance(required.Contains(p.Key) ? 98 : p.Key switch
            {
                "client_id" => clientPercent,
                // Right only together with what somebody else's answer told.
                "price" or "discount" or "address_id" or "order_id" or "product_id" => 10,
                "items" => 85,
                _ => 50,
            }))
            .Select(p => (p.Key, Valid(p.Key, p.Value!, dice)))
            .ToList();
    }

    private string Valid(string name, JsonNode schema, Dice dice)
    {
        var type = Resolve(schema);
        var types = type["type"] is JsonArray several ? several.Select(t => (string)t!).ToList() : [(string?)type["type"] ?? "object"];
        if (types.Contains("null") && dice.Chance(5))
        {
            return "null";
        }

        if (type["enum"] is JsonArray words)
        {
            return $"\"{dice.Pick([.. words.Select(w => (string)w!)])}\"";
        }

        return types.Last(t => t != "null") switch
        {
            "array" => "[" + string.Join(",", Enumerable.Range(0, 1 + dice.Below(3)).Select(_ => Valid(name, type["items"]!, dice))) + "]",
            "object" => "{" + string.Join(",", Fields(type, dice).Select(f => $"\"{f.Name}\":{f.Value}")) + "}",
            "boolean" => dice.Chance(70) ? "true" : "false",
            "integer" => Whole(name, type, dice).ToString(CultureInfo.InvariantCulture),
            "number" => name == "rating" ? $"{1 + dice.Below(4)}.5" : name == "discount" ? dice.Pick(["0", "0.01", "1"]) : $"{1 + dice.Below(90)}.{dice.Below(10)}",
            _ => $"\"{Text(name, dice)}\"",
        };
    }

    private long Whole(string name, JsonNode schema, Dice dice)
    {
        if (name is "skip")
        {
            return dice.Below(10);
        }

        if (name.EndsWith("_id", StringComparison.Ordinal))
        {
            return pool.PickFor(name, dice);
        }

        if (name == "id_key")
        {
            // The stock of those for sale is what the books are checked by.
            var id = pool.Pick("products", dice);
            return pool.IsForSale(id) ? long.MaxValue : id;
        }

        var (minimum, maximum) = ((decimal?)schema["minimum"] ?? 0, (decimal?)schema["maximum"] ?? 1000);
        return name == "stock_change" ? dice.Below(20) - 5
            : dice.Chance(3) ? (long)maximum
            : (long)minimum + dice.Below((int)Math.Min(maximum - minimum + 1, name == "limit" ? 50 : 6));
    }

    private static string Text(string name, Dice dice) => name switch
    {
        "email" => $"fuzz{dice.Below(1_000_000_000)}@example.com",
        "password" => "fuzzed password",
        "telephone" => "+34600123456",
        "from" or "to" => dice.Pick(["2020-01-01", "2026-11-24T10:00:00Z", "2030-01-01T00:00:00%2B02:00"]),
        "number" => dice.Pick(["7", "12B", "s/n"]),
        "sku" or "name" => $"Fuzz {dice.Below(1_000_000_000)} {dice.Pick(["ñandú", "emoji 👍🏽", "שלום", "x"])}",
        "search" => dice.Pick(["fuzz", "ñandu", "%26 | !", "a' OR", ":*", "👍", "fuzz 12"]),
        "after" => dice.Pick(["MTppZDo", "MTpwcmljZTo1", "MTotcmF0aW5nOng", "MQ", "eA"]),
        _ => dice.Pick(["Some words that are long enough.", "Zwölf Boxkämpfer jagen Eva quer über den Sylter Deich", "0123456789"]),
    };

    private static string Wrong(Dice dice) => dice.Below(12) switch
    {
        0 => "\"" + new string('x', 5000) + "\"",
        1 => string.Concat(Enumerable.Repeat("[", 40)) + string.Concat(Enumerable.Repeat("]", 40)),
        _ => dice.Pick(WrongValues),
    };

    private JsonNode Resolve(JsonNode schema) => (string?)schema["$ref"] is { } reference
        ? document["components"]!["schemas"]![reference.Split('/')[^1]]!
        : schema["oneOf"] is JsonArray choices ? Resolve(choices.First(c => c!["$ref"] is not null)!) : schema;
}
