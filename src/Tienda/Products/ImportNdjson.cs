using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;

namespace Tienda.Products;

/// <summary>How the records of a file are read.</summary>
public interface IImportFormat
{
    /// <summary>Whether the first record names the columns.</summary>
    bool HasHeader { get; }

    void ReadHeader(ReadOnlySpan<byte> record, long line, ImportErrors errors);

    /// <summary>Reads a record into a line, and adds what cannot be read.</summary>
    /// <returns>The fields that could not be, a bit for each.</returns>
    int Read(ReadOnlySpan<byte> record, ImportLine line, ImportErrors errors);
}

/// <summary>Reads lines that are a JSON object each, with the types and names that POST /products takes.</summary>
public sealed class ImportNdjson : IImportFormat
{
    private static readonly JsonReaderOptions Options = new() { MaxDepth = TiendaJson.MaximumDepth };

    public bool HasHeader => false;

    public void ReadHeader(ReadOnlySpan<byte> record, long line, ImportErrors errors) => throw new NotSupportedException();

    public int Read(ReadOnlySpan<byte> record, ImportLine line, ImportErrors errors)
    {
        if (!Utf8.IsValid(record))
        {
            errors.Add(line.Number, null, "is not UTF-8");
            return 0;
        }

        try
        {
            return ReadObject(record, line, errors);
        }
        catch (JsonException json)
        {
            var place = ((json.BytePositionInLine ?? 0) + 1).ToString(CultureInfo.InvariantCulture);
            errors.Add(line.Number, null, $"is not valid JSON (byte {place})");
            return 0;
        }
    }

    private static int ReadObject(ReadOnlySpan<byte> record, ImportLine line, ImportErrors errors)
    {
        var json = new Utf8JsonReader(record, Options);
        json.Read();
        if (json.TokenType is not JsonTokenType.StartObject)
        {
            errors.Add(line.Number, null, "must be a JSON object");
            return 0;
        }

        var unreadable = 0;
        while (json.Read() && json.TokenType is JsonTokenType.PropertyName)
        {
            var name = TextOf(ref json) ?? "";
            json.Read();
            if (!ImportRules.Fields.TryGetValue(name, out var field))
            {
                errors.Add(line.Number, name, "is not a field of products");
                json.Skip();
                continue;
            }

            if (field is ImportField.Ignored)
            {
                json.Skip();
                continue;
            }

            if (line.Has(field))
            {
                errors.Add(line.Number, name, "stands twice");
            }

            line.Note(field);
            if (Set(ref json, line, field) is { } message)
            {
                errors.Add(line.Number, name, message);
                unreadable |= 1 << (int)field;
                json.Skip();
            }
        }

        // Nothing may stand behind the object.
        json.Read();
        return unreadable;
    }

    private static string? Set(ref Utf8JsonReader json, ImportLine line, ImportField field)
    {
        var isNull = json.TokenType is JsonTokenType.Null;
        switch (field)
        {
            case ImportField.Active:
                line.Active = json.TokenType switch { JsonTokenType.True => true, JsonTokenType.False => false, _ => null };
                return line.Active is null && !isNull ? "must be true or false" : null;
            case ImportField.Price:
                line.Price = json.TokenType is JsonTokenType.Number && json.TryGetDecimal(out var price) ? price : null;
                return line.Price is null && !isNull ? "must be a number" : null;
            case ImportField.Stock or ImportField.CategoryId or ImportField.IdKey:
                long? whole = json.TokenType is JsonTokenType.Number && json.TryGetInt64(out var number) ? number : null;
                _ = field switch
                {
                    ImportField.Stock => line.Stock = whole,
                    ImportField.CategoryId => line.CategoryId = whole,
                    _ => line.IdKey = whole,
                };
                return whole is null && !isNull ? "must be a whole number that fits 64 bits" : null;
            default:
                var text = json.TokenType is JsonTokenType.String ? TextOf(ref json) : null;
                _ = field switch
                {
                    ImportField.Sku => line.Sku = text,
                    ImportField.Name => line.Name = text,
                    ImportField.Description => line.Description = text,
                    _ => line.Category = text,
                };
                return text is null && !isNull ? "must be a string of valid Unicode" : null;
        }
    }

    /// <summary>Null if an escape stands for half a letter.</summary>
    private static string? TextOf(ref Utf8JsonReader json)
    {
        try
        {
            return json.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }
}
