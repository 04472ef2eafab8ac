using Tienda.Caching;
using Tienda.Data;

namespace Tienda.UnitTests.Caching;

public sealed class LogHorizonTests
{
    private readonly TestTime _time = new();

    [Fact]
    public void The_log_is_kept_for_ten_minutes()
    {
        var horizon = new LogHorizon(_time);
        var pruned = new List<ulong>();
        for (var second = 0; second <= 660; second++)
        {
            if (horizon.Note(new Snapshot((ulong)second + 1, (ulong)second + 1, [])) is { } below)
            {
                pruned.Add(below);
            }

            _time.Advance(TimeSpan.FromSeconds(1));
        }

        // At ten and at eleven minutes, what ended before the beginning and before the first minute.
        Assert.Equal([1UL, 61UL], pruned);
    }

    [Fact]
    public void What_a_transaction_will_write_that_has_been_open_for_longer_is_kept()
    {
        var horizon = new LogHorizon(_time);
        ulong? below = null;
        for (var minute = 0; minute <= 30; minute++)
        {
            below = horizon.Note(new Snapshot(100, 1000, [100])) ?? below;
            _time.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.Equal(100UL, below);
    }
}
