using System.Diagnostics;
using Tienda.Data;
using Tienda.Hosting;

namespace Tienda.Http;

/// <summary>
/// Lets few exports out at a time: each keeps a connection for as long as its reader likes, and all of them together must not keep all.
/// </summary>
public sealed class ExportTurns(Settings settings, TimeProvider time) : IDisposable
{
    private const int Most = 2;

    private readonly SemaphoreSlim _free = new(Math.Clamp((settings.PoolSize + settings.PoolMaxOverflow) / 2, 1, Most));

    /// <summary>Begins an export when its turn has come. Of one that is asked for by HEAD nothing is read.</summary>
    /// <param name="name">What the file is called, without its ending.</param>
    /// <param name="begin">Begins to read the rows, and answers as well what was searched for instead of what was typed.</param>
    /// <exception cref="BusyException">The others took too long.</exception>
    public async Task<FileDownload> BeginAsync(
        HttpRequest request, FileFormat format, string name, Func<Task<(RowExport Rows, string? Corrected)>> begin, CancellationToken ct)
    {
        if (HeadRequests.IsHead(request.HttpContext))
        {
            return new FileDownload(null, format, name);
        }

        var began = Stopwatch.GetTimestamp();
        var isFree = await _free.WaitAsync(TimeSpan.FromSeconds(settings.PoolTimeoutSeconds), ct);
        DatabaseUse.Current?.NoteWait(Stopwatch.GetElapsedTime(began));
        if (!isFree)
        {
            throw new BusyException("As many exports as the shop makes at once are under way.");
        }

        try
        {
            var (rows, corrected) = await begin();
            var turn = new ExportTurn(rows, new Deadline(settings.LongestExport, time, request.HttpContext.RequestAborted), _free);
            return new FileDownload(turn, format, name) { Corrected = corrected };
        }
        catch
        {
            _free.Release();
            throw;
        }
    }

    public void Dispose() => _free.Dispose();
}

/// <summary>An export whose turn it is, until it is disposed of.</summary>
public sealed class ExportTurn(RowExport rows, Deadline deadline, SemaphoreSlim free) : IAsyncDisposable
{
    public RowExport Rows => rows;

    /// <summary>Ends when nobody waits any more, or when the export has taken too long.</summary>
    public Deadline Deadline => deadline;

    public async ValueTask DisposeAsync()
    {
        try
        {
            await deadline.DisposeAsync();
            await rows.DisposeAsync();
        }
        finally
        {
            free.Release();
        }
    }
}
