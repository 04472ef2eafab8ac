using System.Globalization;
using System.Text;
using Tienda.Data;
using Tienda.Telemetry;

namespace Tienda.Caching;

/// <summary>
/// Tells the other processes of a change at once, over Redis. A message that is lost, late or doubled does no harm: each process reads the
/// log as well. One message is a line for the sender and its incarnation, and a line for each event: its transaction, its tags, and
/// <c>=product:version:stock</c> for each stock.
/// </summary>
public sealed class CacheMessages(RedisServer redis, CacheClock clock, CacheMetrics metrics) : BackgroundService
{
    private const string Channel = "tienda:cache";

    private readonly string _me = Guid.NewGuid().ToString("N");

    public void Publish(string incarnation, IReadOnlyList<CacheEvent> events)
    {
        if (!redis.IsEnabled)
        {
            return;
        }

        var text = new StringBuilder().Append(_me).Append(' ').Append(incarnation);
        foreach (var happened in events)
        {
            text.Append('\n').Append(CultureInfo.InvariantCulture, $"{happened.Xid} ").AppendJoin(' ', happened.Tags);
            foreach (var stock in happened.Stock)
            {
                text.Append(CultureInfo.InvariantCulture, $" ={stock.ProductId}:{stock.Version}:{stock.Stock}");
            }
        }

        redis.Tell(Channel, text.ToString());
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => redis.ListenAsync(Channel, Hear, stoppingToken);

    private void Hear(string message)
    {
        var lines = message.Split('\n');
        if (lines[0].Split(' ') is not [var sender, var incarnation] || sender == _me)
        {
            return;
        }

        var events = new List<CacheEvent>(lines.Length - 1);
        foreach (var line in lines.AsSpan(1))
        {
            if (Read(line) is { } happened)
            {
                events.Add(happened);
            }
        }

        metrics.NoteEvents(CacheMetrics.FromRedis, events.Count);
        clock.Hear(incarnation, events);
    }

    // Anybody can send to the channel; what cannot be read is nobody's.
    private static CacheEvent? Read(string line)
    {
        var words = line.Split(' ');
        if (!ulong.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out var xid))
        {
            return null;
        }

        var (tags, stock) = (new List<string>(words.Length), new List<StockChange>());
        foreach (var word in words.AsSpan(1))
        {
            if (!word.StartsWith('='))
            {
                tags.Add(word);
            }
            else if (ReadStock(word) is { } change)
            {
                stock.Add(change);
            }
        }

        return new CacheEvent(xid, [.. tags], [.. stock]);
    }

    private static StockChange? ReadStock(string word) =>
        word[1..].Split(':') is [var product, var version, var stock]
        && long.TryParse(product, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
        && long.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && int.TryParse(stock, NumberStyles.None, CultureInfo.InvariantCulture, out var left)
            ? new StockChange(id, number, left)
            : null;
}
