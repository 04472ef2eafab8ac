using Microsoft.Net.Http.Headers;

namespace Tienda.Http;

/// <summary>What a file of records is written in: a line each.</summary>
public enum FileFormat
{
    Csv,
    Ndjson,
}

/// <summary>The formats by their names.</summary>
public static class FileFormats
{
    public const string Csv = "text/csv";
    public const string Ndjson = "application/x-ndjson";

    private static readonly MediaTypeHeaderValue CsvType = new(Csv);
    private static readonly MediaTypeHeaderValue NdjsonType = new(Ndjson);

    /// <summary>The format of a body, or null if it is in another one.</summary>
    public static FileFormat? OfBody(HttpRequest request) =>
        !MediaTypeHeaderValue.TryParse(request.ContentType, out var sent) ? null
        : sent.IsSubsetOf(CsvType) ? FileFormat.Csv
        : sent.IsSubsetOf(NdjsonType) ? FileFormat.Ndjson
        : null;

    /// <summary>The format that is wanted, or null if none is acceptable.</summary>
    /// <param name="named">What the query names, before which the Accept header does not count.</param>
    public static FileFormat? Wanted(HttpRequest request, string? named)
    {
        if (named is not null)
        {
            return named == "csv" ? FileFormat.Csv : FileFormat.Ndjson;
        }

        var accepted = request.GetTypedHeaders().Accept;
        return accepted.Count == 0 ? FileFormat.Csv : accepted
            .Where(range => range.Quality is not 0)
            .OrderByDescending(range => range.Quality ?? 1)
            // Whatever its parameters are: a charset is the one that there is.
            .Select(range => new MediaTypeHeaderValue(range.MediaType))
            .Select(range => CsvType.IsSubsetOf(range) ? FileFormat.Csv
                : NdjsonType.IsSubsetOf(range) ? FileFormat.Ndjson
                : default(FileFormat?))
            .FirstOrDefault(format => format is not null);
    }

    public static string MediaTypeOf(FileFormat format) => format is FileFormat.Csv ? Csv + "; charset=utf-8" : Ndjson;

    /// <summary>How names of such files end.</summary>
    public static string NameOf(FileFormat format) => format is FileFormat.Csv ? "csv" : "ndjson";
}
