using System.Collections.Frozen;
using System.ComponentModel.DataAnnotations;
using System.Reflection;
using Tienda.Http;

namespace Tienda.Products;

/// <summary>A field that a line of an import can have.</summary>
public enum ImportField
{
    /// <summary>Of an answer, and without effect.</summary>
    Ignored,
    IdKey,
    Sku,
    Name,
    Description,
    Price,
    Stock,
    CategoryId,
    Category,
    Active,
}

/// <summary>A line of an import: what it says of a product. What it does not say stays as it is.</summary>
public sealed class ImportLine(long number)
{
    public long Number => number;

    public long? IdKey { get; set; }

    public string? Sku { get; set; }

    public string? Name { get; set; }

    public string? Description { get; set; }

    public decimal? Price { get; set; }

    public long? Stock { get; set; }

    public long? CategoryId { get; set; }

    /// <summary>The category's name.</summary>
    public string? Category { get; set; }

    public bool? Active { get; set; }

    /// <summary>A bit for each field that the line has, also if it is null.</summary>
    public int Fields { get; set; }

    public bool Has(ImportField field) => (Fields & (1 << (int)field)) != 0;

    public void Note(ImportField field) => Fields |= 1 << (int)field;
}

/// <summary>What a line must be like: the rules of <see cref="CreateProductRequest"/>, for the fields that it has.</summary>
public static class ImportRules
{
    /// <summary>The fields by their names in a file.</summary>
    public static readonly FrozenDictionary<string, ImportField> Fields = new Dictionary<string, ImportField>
    {
        ["id_key"] = ImportField.IdKey,
        ["sku"] = ImportField.Sku,
        ["name"] = ImportField.Name,
        ["description"] = ImportField.Description,
        ["price"] = ImportField.Price,
        ["stock"] = ImportField.Stock,
        ["category_id"] = ImportField.CategoryId,
        ["category"] = ImportField.Category,
        ["active"] = ImportField.Active,
        ["rating_average"] = ImportField.Ignored,
        ["rating_count"] = ImportField.Ignored,
        ["created_at"] = ImportField.Ignored,
        ["updated_at"] = ImportField.Ignored,
    }.ToFrozenDictionary();

    private static readonly Rule[] Rules =
    [
        new("id_key", ImportField.IdKey, [new IdAttribute()], line => line.IdKey),
        Of(nameof(CreateProductRequest.Sku), "sku", ImportField.Sku, line => line.Sku),
        Of(nameof(CreateProductRequest.Name), "name", ImportField.Name, line => line.Name),
        Of(nameof(CreateProductRequest.Description), "description", ImportField.Description, line => line.Description),
        Of(nameof(CreateProductRequest.Price), "price", ImportField.Price, line => line.Price),
        Of(nameof(CreateProductRequest.Stock), "stock", ImportField.Stock, line => line.Stock),
        Of(nameof(CreateProductRequest.CategoryId), "category_id", ImportField.CategoryId, line => line.CategoryId),
    ];

    /// <summary>Adds what is wrong with the line's values.</summary>
    /// <param name="already">Fields that could not be read, a bit for each.</param>
    public static void Check(ImportLine line, int already, ImportErrors errors)
    {
        foreach (var rule in Rules)
        {
            if (!line.Has(rule.Field) || (already & (1 << (int)rule.Field)) != 0)
            {
                continue;
            }

            var value = rule.Value(line);
            foreach (var attribute in rule.Attributes)
            {
                if (attribute.GetValidationResult(value, rule.Context) is { ErrorMessage: var message })
                {
                    errors.Add(line.Number, rule.Name, message!);
                    break;
                }
            }
        }
    }

    private static Rule Of(string property, string name, ImportField field, Func<ImportLine, object?> value) => new(
        name, field, [.. typeof(CreateProductRequest).GetProperty(property)!.GetCustomAttributes<ValidationAttribute>()], value);

    private sealed record Rule(string Name, ImportField Field, ValidationAttribute[] Attributes, Func<ImportLine, object?> Value)
    {
        // Says nothing that the rules would look at.
        public ValidationContext Context { get; } = new(new object(), Name, null, null);
    }
}

/// <summary>What is wrong with the lines of a file: the first hundred of them, and how many there are.</summary>
public sealed class ImportErrors
{
    /// <summary>So many are told.</summary>
    public const int Most = 100;

    private const int LongestName = 64;

    private readonly List<LineError> _first = [];
    private long _last;

    public IReadOnlyList<LineError> First => _first;

    /// <summary>Lines that something is wrong with.</summary>
    public long Lines { get; private set; }

    /// <summary>Whether the file cannot be read any further.</summary>
    public bool IsFatal { get; private set; }

    /// <summary>Adds something about a line; lines come in their order.</summary>
    public void Add(long line, string? field, string message)
    {
        if (line != _last)
        {
            (_last, Lines) = (line, Lines + 1);
        }

        if (_first.Count < Most)
        {
            _first.Add(new LineError { Line = line, Field = Shown(field), Message = message });
        }
    }

    public void AddFatal(long line, string? field, string message)
    {
        Add(line, field, message);
        IsFatal = true;
    }

    public bool Has(long line) => _last == line;

    // The name of a field that does not exist may be anything, also what the database does not keep.
    private static string? Shown(string? field) => field?.Replace('\0', '\uFFFD') is { Length: > LongestName } name
        ? name[..LongestName] + "…"
        : field?.Replace('\0', '\uFFFD');
}
