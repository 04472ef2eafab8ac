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
            if (line.Split(' ') is [var xid, .. var words]
                && ulong.TryParse(xid, NumberStyles.None, CultureInfo.InvariantCulture, out var transaction))
            {
                events.Add(new CacheEvent(
                    transaction,
                    [.. words.Where(word => !IsStock(word))],
                    [.. words.Where(IsStock).Select(Stock)]));
            }
        }

        metrics.NoteEvents(CacheMetrics.FromRedis, events.Count);
        clock.Hear(incarnation, events);
    }

    private static bool IsStock(string word) => word.StartsWith('=');

    private static StockChange Stock(string word)
    {
        var numbers = word[1..].Split(':');
        return new StockChange(
            long.Parse(numbers[0], CultureInfo.InvariantCulture),
            long.Parse(numbers[1], CultureInfo.InvariantCulture),
            int.Parse(numbers[2], CultureInfo.InvariantCulture));
    }
}
