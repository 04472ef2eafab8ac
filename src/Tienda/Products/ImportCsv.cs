using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace Tienda.Products;

/// <summary>
/// Reads lines of CSV (RFC 4180) with the names of the columns in the first. A value that is not there at all is null, and <c>""</c> is an
/// empty text, as PostgreSQL writes them.
/// </summary>
public sealed class ImportCsv : IImportFormat
{
    private readonly List<Value> _values = [];
    private ImportField[] _columns = [];
    private string[] _names = [];

    public bool HasHeader => true;

    /// <summary>Reads the names of the columns.</summary>
    public void ReadHeader(ReadOnlySpan<byte> record, long line, ImportErrors errors)
    {
        if (Split(record) is { } mistake)
        {
            errors.AddFatal(line, null, mistake);
            return;
        }

        var names = new List<string>();
        foreach (var value in _values)
        {
            names.Add(Text(record, value)?.Trim() ?? "");
        }

        _names = [.. names];
        foreach (var name in _names.Where(name => !ImportRules.Fields.ContainsKey(name)))
        {
            var hint = name.Contains(';', StringComparison.Ordinal) ? "; values are separated by commas" : "";
            errors.AddFatal(line, name, $"is not a column of products{hint}");
        }

        foreach (var name in _names.GroupBy(name => name).Where(same => same.Count() > 1))
        {
            errors.AddFatal(line, name.Key, "is the name of two columns");
        }

        if (errors.IsFatal)
        {
            return;
        }

        _columns = [.. _names.Select(name => ImportRules.Fields[name])];
        if (!_columns.Any(column => column is ImportField.Sku or ImportField.IdKey or ImportField.Name))
        {
            errors.AddFatal(line, "sku", "is missing: nothing says which products these are");
        }
    }

    public int Read(ReadOnlySpan<byte> record, ImportLine line, ImportErrors errors)
    {
        if (Split(record) is { } mistake)
        {
            errors.Add(line.Number, null, mistake);
            return 0;
        }

        if (_values.Count != _columns.Length)
        {
            errors.Add(line.Number, null, $"has {_values.Count} values, but there are {_columns.Length} columns");
            return 0;
        }

        var unreadable = 0;
        for (var i = 0; i < _columns.Length; i++)
        {
            if (_columns[i] is ImportField.Ignored)
            {
                continue;
            }

            line.Note(_columns[i]);
            if (Set(line, _columns[i], Text(record, _values[i])) is { } message)
            {
                errors.Add(line.Number, _names[i], message);
                unreadable |= 1 << (int)_columns[i];
            }
        }

        return unreadable;
    }

    private static string? Set(ImportLine line, ImportField column, string? text)
    {
        // Only a text can be empty and there.
        var given = string.IsNullOrEmpty(text) ? null : text;
        switch (column)
        {
            case ImportField.Sku:
                line.Sku = text;
                return null;
            case ImportField.Name:
                line.Name = text;
                return null;
            case ImportField.Description:
                line.Description = text;
                return null;
            case ImportField.Category:
                line.Category = given;
                return null;
            case ImportField.Price:
                line.Price = Number(given, out var price);
                return price;
            case ImportField.Active:
                line.Active = given?.ToLowerInvariant() switch { "true" => true, "false" => false, _ => null };
                return given is not null && line.Active is null ? "must be true or false" : null;
            case ImportField.Stock:
                line.Stock = Whole(given, out var stock);
                return stock;
            case ImportField.CategoryId:
                line.CategoryId = Whole(given, out var category);
                return category;
            case ImportField.IdKey:
                line.IdKey = Whole(given, out var id);
                return id;
            default:
                throw new ArgumentOutOfRangeException(nameof(column));
        }
    }

    private static long? Whole(string? text, out string? mistake)
    {
        mistake = null;
        if (text is null)
        {
            return null;
        }

        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
        {
            return number;
        }

        mistake = "must be a whole number that fits 64 bits";
        return null;
    }

    private static decimal? Number(string? text, out string? mistake)
    {
        const NumberStyles Plain = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint;
        mistake = null;
        if (text is null)
        {
            return null;
        }

        // No thousands separators: 10,50 must not become 1050.
        if (decimal.TryParse(text, Plain, CultureInfo.InvariantCulture, out var number))
        {
            return number;
        }

        mistake = "must be a number, such as 19.99";
        return null;
    }

    private static string? Text(ReadOnlySpan<byte> record, Value value)
    {
        if (value.Length == 0 && !value.IsQuoted)
        {
            return null;
        }

        var text = Encoding.UTF8.GetString(record.Slice(value.Begin, value.Length));
        return value.HasMarks ? text.Replace("\"\"", "\"", StringComparison.Ordinal) : text;
    }

    /// <summary>Finds the record's values; answers what is wrong with it, or null.</summary>
    private string? Split(ReadOnlySpan<byte> record)
    {
        _values.Clear();
        if (!Utf8.IsValid(record))
        {
            return "is not UTF-8";
        }

        for (var at = 0; ; at++)
        {
            if (at < record.Length && record[at] == (byte)'"')
            {
                var begin = ++at;
                var hasMarks = false;
                while (true)
                {
                    at += record[at..].IndexOf((byte)'"') + 1;
                    if (at >= record.Length || record[at] != (byte)'"')
                    {
                        break;
                    }

                    hasMarks = true;
                    at++;
                }

                _values.Add(new Value(begin, at - 1 - begin, true, hasMarks));
                if (at < record.Length && record[at] != (byte)',')
                {
                    return "has text behind the quotation mark that ends a value; a mark inside one is written twice";
                }
            }
            else
            {
                var length = record[at..].IndexOf((byte)',') is >= 0 and var comma ? comma : record.Length - at;
                if (record.Slice(at, length).Contains((byte)'"'))
                {
                    return "has a quotation mark in a value that does not begin with one";
                }

                _values.Add(new Value(at, length, false, false));
                at += length;
            }

            if (at >= record.Length)
            {
                return null;
            }
        }
    }

    private readonly record struct Value(int Begin, int Length, bool IsQuoted, bool HasMarks);
}
