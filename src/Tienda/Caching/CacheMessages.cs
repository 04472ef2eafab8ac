using System.Globalization;
using System.Text;
using Tienda.Data;
using Tienda.Telemetry;

namespace Tienda.Caching;

/// <summary>
/// Tells the other processes of a change at once, over Redis. A message that is lost, late or doubled does no harm: each process reads the
/// log as well; one that cannot be read is passed over as a whole. It is a line for the sender, its incarnation and the number of events,
/// and a line for each event: its transaction (with <c>?</c> if that is in doubt), its tags, and <c>=product:version:stock</c> for each
/// stock.
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

        var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{_me} {incarnation} {events.Count}");
        foreach (var happened in events)
        {
            text.Append('\n').Append(CultureInfo.InvariantCulture, $"{happened.Xid}").Append(happened.IsInDoubt ? "? " : " ")
                .AppendJoin(' ', happened.Tags);
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
        if (lines[0].Split(' ') is not [var sender, var incarnation, var count] || sender == _me)
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

        // A part of what a transaction changed would pass for all of it. The log has it whole.
        if (events.Count.ToString(CultureInfo.InvariantCulture) != count || lines.Length - 1 != events.Count)
        {
            return;
        }

        metrics.NoteEvents(CacheMetrics.FromRedis, events.Count);
        clock.Hear(incarnation, events);
    }

    private static CacheEvent? Read(string line)
    {
        var words = line.Split(' ');
        var isInDoubt = words[0].EndsWith('?');
        var number = isInDoubt ? words[0][..^1] : words[0];
        if (!ulong.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var xid))
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
            else
            {
                return null;
            }
        }

        return new CacheEvent(xid, [.. tags], [.. stock]) { IsInDoubt = isInDoubt };
    }

    private static StockChange? ReadStock(string word) =>
        word[1..].Split(':') is [var product, var version, var stock]
        && long.TryParse(product, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
        && long.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && int.TryParse(stock, NumberStyles.None, CultureInfo.InvariantCulture, out var left)
            ? new StockChange(id, number, left)
            : null;
}
