using System.CommandLine;
using System.Globalization;
using System.IO.Pipelines;
using Tienda.Data;
using Tienda.Http;
using Tienda.Orders;
using Tienda.Products;

namespace Tienda.Hosting;

/// <summary><c>tienda import</c> and <c>tienda export</c>: files of products and orders, without the web server in between.</summary>
public static class FileCommands
{
    private const string StandardStream = "-";

    public static Command CreateImport()
    {
        var file = new Argument<string?>("file")
        {
            Description = "File of products, CSV or NDJSON; - for standard input",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var skip = new Option<bool>("--skip-invalid") { Description = "Leave lines out that are not valid, instead of refusing the file" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Check the file, and change nothing" };
        var resume = new Option<bool>("--resume") { Description = "Finish all that waits, such as what was interrupted" };
        var format = Format();
        var command = new Command("import", "Import products from a file, while the shop goes on") { file, skip, dryRun, resume, format };
        return CommandLine.Answers(command, async (result, ct) =>
        {
            var (path, isAll) = (result.GetValue(file), result.GetValue(resume));
            if (path is null && !isAll)
            {
                throw new CommandException("Which file? Name one, or - for standard input, or --resume.");
            }

            var options = new ImportQuery { OnError = result.GetValue(skip) ? "skip" : null, DryRun = result.GetValue(dryRun) };
            var isDone = true;
            await Commands.WithDatabaseAsync(
                CommandLine.Load(result),
                async settings => isDone = await ImportAsync(settings, path, FormatOf(result.GetValue(format), path), options, isAll, ct),
                ct);
            return isDone ? 0 : 1;
        });
    }

    public static Command CreateExport()
    {
        var what = new Argument<string>("what") { Description = "products or orders" };
        what.AcceptOnlyFromAmong("products", "orders");
        var file = new Argument<string?>("file")
        {
            Description = "File to make; one that is there is replaced when the new one is complete [default: standard output]",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var format = Format();
        var command = new Command("export", "Export products or orders to a file, CSV or NDJSON") { what, file, format };
        return CommandLine.Answers(command, async (result, ct) =>
        {
            var path = result.GetValue(file);
            await Commands.WithDatabaseAsync(
                CommandLine.Load(result),
                settings => ExportAsync(settings, result.GetRequiredValue(what), path, FormatOf(result.GetValue(format), path), ct),
                ct);
            return 0;
        });
    }

    /// <param name="isAll">Whether to apply all that waits, and not only up to the file's own import.</param>
    /// <returns>Whether all of the file was imported.</returns>
    private static async Task<bool> ImportAsync(
        Settings settings, string? path, FileFormat format, ImportQuery options, bool isAll, CancellationToken ct)
    {
        await using var database = Database.CreateUnhurried(settings);
        var files = new ProductFiles(new ProductImportStore(database, null), TimeProvider.System);
        var records = new ImportRecordStore(database);
        ProductImport? import = null;
        if (path is not null)
        {
            await using var input = OpenInput(path);
            import = await files.ReceiveAsync(input, format, options, caller: null, ct);
        }

        if (isAll || import is { IsUnderWay: true })
        {
            await files.ApplyAsync(
                async id => await TellAsync((await records.FindAsync(id, ct))!),
                why => Console.Error.WriteLine($"somebody is in the way, and it is tried again: {why}"),
                ct,
                until: isAll ? null : import!.IdKey);
        }

        if (import is null)
        {
            return true;
        }

        import = (await records.FindAsync(import.IdKey, ct))!;
        await TellAsync(import);
        foreach (var error in import.Errors)
        {
            var field = error.Field is null ? "" : error.Field + " ";
            await Console.Error.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"line {error.Line}: {field}{error.Message}"));
        }

        return import is { Status: "completed" or "checked" };
    }

    private static async Task ExportAsync(Settings settings, string what, string? path, FileFormat format, CancellationToken ct)
    {
        await using var database = Database.CreateUnhurried(settings);
        await using var rows = what == "products"
            ? (await new ProductExportStore(database).ReadAsync(new ProductExportQuery(), format, new CacheFill(), ct)).Rows
            : await new OrderExportStore(database).ReadAsync(new OrderExportQuery(), format, ct);
        if (path is null or StandardStream)
        {
            await using var output = Console.OpenStandardOutput();
            await rows.WriteToAsync(PipeWriter.Create(output), ct);
            return;
        }

        // Under its name only when it is complete.
        var partial = path + ".part";
        try
        {
            await using (var output = File.Create(partial))
            {
                await rows.WriteToAsync(PipeWriter.Create(output), ct);
            }

            File.Move(partial, path, overwrite: true);
        }
        catch (Exception mistake) when (mistake is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"{path} cannot be written: {mistake.Message}");
        }
        finally
        {
            if (File.Exists(partial))
            {
                File.Delete(partial);
            }
        }
    }

    private static Stream OpenInput(string path)
    {
        try
        {
            return path == StandardStream ? Console.OpenStandardInput() : File.OpenRead(path);
        }
        catch (Exception mistake) when (mistake is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"{path} cannot be read: {mistake.Message}");
        }
    }

    private static Option<string?> Format()
    {
        var format = new Option<string?>("--format")
        {
            Description = "csv or ndjson [default: as the file is called, else csv]",
            HelpName = "FORMAT",
        };
        format.AcceptOnlyFromAmong("csv", "ndjson");
        return format;
    }

    private static FileFormat FormatOf(string? named, string? path) => (named ?? Path.GetExtension(path)) switch
    {
        "ndjson" or ".ndjson" or ".jsonl" => FileFormat.Ndjson,
        _ => FileFormat.Csv,
    };

    private static Task TellAsync(ProductImport import) => Console.Out.WriteLineAsync(string.Create(
        CultureInfo.InvariantCulture,
        $"import {import.IdKey}: {import.Status}, {import.Lines} lines, {import.InvalidLines} invalid, {import.Created} created, "
        + $"{import.Updated} updated, {import.Unchanged} unchanged"));
}
