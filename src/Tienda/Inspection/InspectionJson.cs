using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Tienda.Data.Monitoring;
using Tienda.Inspection.Checks;

namespace Tienda.Inspection;

/// <summary>What the commands print with <c>--json</c>. Apart from <see cref="TiendaJson"/>: none of it is part of the API.</summary>
[JsonSerializable(typeof(TopStatements))]
[JsonSerializable(typeof(ConnectionCensus))]
[JsonSerializable(typeof(TableSizes))]
[JsonSerializable(typeof(IndexFindings))]
[JsonSerializable(typeof(LockWaits))]
[JsonSerializable(typeof(CheckReport))]
public sealed partial class InspectionJson : JsonSerializerContext
{
    private static JsonSerializerOptions Readable => field ??= new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter<Verdict>(JsonNamingPolicy.SnakeCaseLower) },
        TypeInfoResolver = Default,
    };

    public static Task PrintAsync<T>(T report) =>
        Console.Out.WriteLineAsync(JsonSerializer.Serialize(report, (JsonTypeInfo<T>)Readable.GetTypeInfo(typeof(T))));
}
