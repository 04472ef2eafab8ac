using System.Globalization;
using System.Reflection;
using Microsoft.AspNetCore.Http.Metadata;
using Tienda.Data;

namespace Tienda.Http;

/// <summary>
/// Answers a file of records. If it cannot be written to its end, the connection breaks: half a file must not look like a whole one.
/// </summary>
/// <param name="turn">The rows, or null if only the headers are wanted.</param>
/// <param name="name">What the file is called, without its ending.</param>
public sealed partial class FileDownload(ExportTurn? turn, FileFormat format, string name) : IResult, IEndpointMetadataProvider
{
    private const string TooLong = "It took longer than an export may.";

    /// <summary>What was searched for instead of what was typed.</summary>
    public string? Corrected { get; init; }

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        // What it asks from here on belongs to the request as well.
        DatabaseUse.Continue(httpContext.Features.Get<DatabaseUse>());
        await using var _ = turn;
        var now = httpContext.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow();
        var day = now.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        response.ContentType = FileFormats.MediaTypeOf(format);
        response.Headers.ContentDisposition = $"attachment; filename=\"{name}-{day}.{FileFormats.NameOf(format)}\"";
        response.Headers.CacheControl = "no-store";
        if (Corrected is not null)
        {
            response.Headers[Page.CorrectedHeader] = Corrected;
        }

        if (turn is null)
        {
            return;
        }

        var left = httpContext.RequestAborted;
        try
        {
            await turn.Rows.WriteToAsync(response.BodyWriter, turn.Deadline.Token);
        }
        catch (Exception broken) when (turn.Rows.HasBegun)
        {
            if (!left.IsCancellationRequested)
            {
                Log.Broken(
                    httpContext.RequestServices.GetRequiredService<ILogger<FileDownload>>(), name,
                    turn.Deadline.IsMissed ? TooLong : DatabaseFailure.Read(broken)?.Message ?? broken.GetType().Name);
            }

            httpContext.Abort();
        }
        catch (OperationCanceledException) when (turn.Deadline.IsMissed && !left.IsCancellationRequested)
        {
            throw new BusyException(TooLong);
        }
    }

    static void IEndpointMetadataProvider.PopulateMetadata(MethodInfo method, EndpointBuilder builder) => builder.Metadata.Add(
        new ProducesResponseTypeMetadata(StatusCodes.Status200OK, typeof(string), [FileFormats.Csv, FileFormats.Ndjson]));

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "The export of {Name} broke in the middle: {Reason}")]
        public static partial void Broken(ILogger logger, string name, string reason);
    }
}
