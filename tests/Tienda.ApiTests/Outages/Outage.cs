using System.Globalization;

namespace Tienda.ApiTests.Outages;

/// <summary>
/// Something that happens in the midst of the guide's traffic and is over after a while, and how the shop's users fared. The file that
/// <c>TEST_REPORT</c> names is told a line about it.
/// </summary>
public sealed class Outage
{
    private static readonly int[] Documented = [200, 201, 304, 404, 409, 429, 503];

    // So long without an error, and everything is as before.
    private static readonly TimeSpan Calm = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Warm = TimeSpan.FromSeconds(1);

    private readonly string _name;
    private readonly IReadOnlyList<Exchange> _exchanges;
    private readonly int _reconnections;
    private readonly (TimeSpan Began, TimeSpan Begun, TimeSpan Ending, TimeSpan Returned) _at;

    private Outage(string name, GuideTraffic traffic, (TimeSpan Began, TimeSpan Begun, TimeSpan Ending, TimeSpan Returned) at)
    {
        (_name, _at, _reconnections) = (name, at, traffic.Reconnections);
        _exchanges = [.. traffic.Exchanges];
    }

    public IEnumerable<Exchange> Exchanges => _exchanges;

    public IEnumerable<Exchange> Errors => _exchanges.Where(exchange => exchange.IsError);

    /// <summary>Reads of what is cached that were asked for while it lasted, before anybody began to end it.</summary>
    /// <param name="after">How long after it had begun.</param>
    public IEnumerable<Exchange> ReadsDuring(TimeSpan after) =>
        _exchanges.Where(e => e.IsCached && e.Asked > _at.Begun + after && e.Asked < _at.Ending);

    public TimeSpan Longest => _exchanges.Max(exchange => exchange.Took);

    /// <summary>From the return to the first order that was placed.</summary>
    public TimeSpan ToFirstOrder =>
        _exchanges.Where(e => e.IsOrder && !e.IsError && e.Answered > _at.Returned).Min(e => e.Answered) - _at.Returned;

    /// <summary>From the return to the last error.</summary>
    public TimeSpan ToLastError =>
        Errors.Select(error => error.Answered - _at.Returned).Append(TimeSpan.Zero).Max();

    /// <summary>Runs the traffic into it and on until everything is calm again, and checks the books.</summary>
    public static async Task<Outage> RunAsync(
        OutageShop shop, string name, Func<Task> begin, TimeSpan length, Func<Task> end, bool clerks = true)
    {
        var ct = TestContext.Current.CancellationToken;
        await using var traffic = shop.Open(clerks);
        await Task.Delay(Warm, ct);
        var began = traffic.Now;
        await begin();
        var begun = traffic.Now;
        await Task.Delay(length, ct);
        var ending = traffic.Now;
        await end();
        var returned = traffic.Now;
        await Eventually.HoldsAsync(
            () => traffic.Now > returned + Calm && traffic.Exchanges.Any(e => e.IsOrder && !e.IsError && e.Answered > returned)
                && traffic.Exchanges.LastOrDefault(e => e.IsError) is var last && (last is null || traffic.Now > last.Answered + Calm),
            GuideTraffic.Patience);
        await traffic.StopAsync();

        var outage = new Outage(name, traffic, (began, begun, ending, returned));
        outage.Tell();
        Assert.All(outage.Errors, error => Assert.Contains(error.Status, Documented.Append(GuideTraffic.Broken)));
        Assert.All(outage._exchanges.Where(e => e.Status == 503), refused => Assert.True(refused.SaysWhen));
        await shop.CheckAsync(traffic);
        return outage;
    }

    public override string ToString()
    {
        var statuses = _exchanges.GroupBy(e => e.IsStale ? "200 (old)" : Name(e.Status)).OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => string.Create(
                CultureInfo.InvariantCulture, $"{group.Key} {group.Count()} ({100.0 * group.Count() / _exchanges.Count:F1} %)"));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{_name}, {(_at.Returned - _at.Began).TotalSeconds:F1} s: {_exchanges.Count} requests, {string.Join(", ", statuses)}, "
            + $"{_reconnections} reconnections; longest {LongestOf(e => e.IsCached):F2} s cached, {LongestOf(e => e.IsOrder):F2} s order, "
            + $"{LongestOf(e => !e.IsOrder && !e.IsCached):F2} s other; "
            + $"first order after {ToFirstOrder.TotalSeconds:F2} s, last error after {ToLastError.TotalSeconds:F2} s");
    }

    private double LongestOf(Func<Exchange, bool> kind) => _exchanges.Where(kind).Select(e => e.Took.TotalSeconds).DefaultIfEmpty().Max();

    private static string Name(int status) => status switch
    {
        GuideTraffic.Broken => "broken",
        GuideTraffic.Missing => "no answer",
        _ => status.ToString(CultureInfo.InvariantCulture),
    };

    private void Tell()
    {
        TestContext.Current.TestOutputHelper!.WriteLine(ToString());
        TestReport.Tell(ToString());
    }
}
