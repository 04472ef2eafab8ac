using Tienda.Data;
using Tienda.Hosting;
using Tienda.Telemetry;

namespace Tienda.Products;

/// <summary>
/// Notes the words of products that were there before the vocabulary was, adds up what changes have left in product_counts, forgets what
/// has been in the history for long enough, and asks how common words are, every minute. Several workers may.
/// </summary>
public sealed partial class CatalogUpkeep(
    ProductFacetStore facets, ProductSearchStore search, ProductHistoryStore history, CatalogStatisticsStore statistics,
    QueryFigures queries, TimeProvider time, IHostApplicationLifetime lifetime, ILogger<CatalogUpkeep> logger)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await lifetime.StartedAsync(stoppingToken);
        DatabaseUse.Begin(queries);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(Interval, time, stoppingToken);
                while (await search.NoteNextWordsAsync(stoppingToken))
                {
                }

                await facets.AddUpAsync(stoppingToken);
                await history.ForgetAsync(stoppingToken);
                await statistics.AskAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception away) when (DatabaseFailure.Read(away) is { } failure)
            {
                Log.Failed(logger, failure.Message);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            LogLevel.Warning,
            "Counts, words and history of products could not be brought up to date; the next attempt follows in a minute: {Reason}")]
        public static partial void Failed(ILogger logger, string reason);
    }
}
