using Tienda.Data;
using Tienda.Http;

namespace Tienda.Products;

/// <summary>Takes files of products, and applies what was found right a portion at a time (docs/import.md).</summary>
public sealed class ProductFiles(ProductImportStore store, TimeProvider time)
{
    // Lines that are kept in memory until they are written.
    private const int ChunkLines = 2_000;

    private const int ChunkBytes = 1024 * 1024;

    // Each portion leaves a few hundred rows, and who counts products reads all of them.
    private const int PortionsAddedUp = 20;

    // Lines of a transaction.
    private const int MostLines = 1000;

    // Whoever orders or changes a product that a portion holds waits for its end, and not for long.
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(0.5);

    // With the pause and the wait for a lock this is about ten seconds.
    private const int AttemptsTold = 25;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private int _lines = MostLines;

    /// <summary>Reads a file to its end, and begins to apply it if it is right.</summary>
    /// <param name="caller">Who sends it, or null for the user of the database.</param>
    public async Task<ProductImport> ReceiveAsync(
        Stream file, FileFormat format, ImportQuery options, string? caller, CancellationToken ct)
    {
        var (id, categories) = await store.BeginAsync(options, caller, ct);
        try
        {
            var (kept, errors) = await KeepAsync(id, file, format, categories, ct);
            return await store.DecideAsync(id, options, kept, errors, ct);
        }
        catch
        {
            // Whoever forgets does it, should this fail as well.
            await store.GiveUpAsync(id, CancellationToken.None);
            throw;
        }
    }

    /// <summary>Applies what waits, each import in its turn. One call at a time.</summary>
    /// <param name="progress">Told after each portion whose it was.</param>
    /// <param name="heldUp">Told why, every time that many attempts have failed.</param>
    /// <param name="until">The import with whose end this ends, or null to apply all.</param>
    public async Task ApplyAsync(Func<long, Task>? progress, Action<string> heldUp, CancellationToken ct, long? until = null)
    {
        var (applied, failed) = (0, 0);
        while (true)
        {
            long? import = 0;
            var begun = time.GetTimestamp();
            try
            {
                import = await store.ApplyAsync(_lines, until, ct);
            }
            catch (Exception met) when (DatabaseFailure.Read(met) is { HasMetAnother: true } failure)
            {
                // Somebody else's change was in the way, and the portion was not applied.
                if (++failed % AttemptsTold == 0)
                {
                    heldUp(failure.Message);
                }
            }
            catch (Exception late) when (_lines > 1 && DatabaseFailure.Read(late) is { IsStatementEnded: true })
            {
                _lines /= 2;
                continue;
            }

            applied += import > 0 ? 1 : 0;
            if (applied > 0 && (import is null || (import > 0 && applied % PortionsAddedUp == 0)))
            {
                await store.AddUpAsync(ct);
            }

            if (import is null)
            {
                return;
            }

            if (import == 0)
            {
                await Task.Delay(Pause, time, ct);
                continue;
            }

            FitLines(time.GetElapsedTime(begun));
            failed = 0;
            if (progress is not null)
            {
                await progress(import.Value);
            }
        }
    }

    private void FitLines(TimeSpan taken)
    {
        if (taken > Long)
        {
            _lines = Math.Max(1, _lines / 2);
        }
        else if (taken < Short)
        {
            // Slowly, or every second portion would be one that takes too long.
            _lines = Math.Min(MostLines, _lines + (_lines / 8) + 1);
        }
    }

    private async Task<(long Kept, ImportErrors Errors)> KeepAsync(
        long id, Stream file, FileFormat format, ImportCategories categories, CancellationToken ct)
    {
        var records = new ImportRecords(file, format);
        IImportFormat reader = format is FileFormat.Csv ? new ImportCsv() : new ImportNdjson();
        var errors = new ImportErrors();
        var (chunk, bytes, kept) = (new List<ImportLine>(), 0, 0L);
        var hasHeader = !reader.HasHeader;
        while (!errors.IsFatal && await records.ReadAsync(ct))
        {
            if (!hasHeader)
            {
                hasHeader = true;
                reader.ReadHeader(records.Record.Span, records.Line, errors);
                continue;
            }

            var line = new ImportLine(records.Line);
            var unreadable = reader.Read(records.Record.Span, line, errors);
            ImportRules.Check(line, unreadable, errors);
            categories.Find(line, errors);
            if (errors.Has(line.Number))
            {
                continue;
            }

            chunk.Add(line);
            kept++;
            bytes += records.Record.Length;
            if (chunk.Count == ChunkLines || bytes > ChunkBytes)
            {
                await store.KeepAsync(id, chunk, ct);
                chunk.Clear();
                bytes = 0;
            }
        }

        if (records.Failure is { } failure)
        {
            errors.AddFatal(records.Line, null, failure + "; the rest of the file was not read");
        }
        else if (!hasHeader)
        {
            errors.AddFatal(1, null, "must name the columns");
        }

        if (chunk.Count > 0)
        {
            await store.KeepAsync(id, chunk, ct);
        }

        return (kept, errors);
    }
}
