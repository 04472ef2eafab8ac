namespace Tienda.UnitTests;

/// <summary>A clock that goes on when it is told to.</summary>
public sealed class TestTime : TimeProvider
{
    private long _ticks = 1;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => _ticks;

    public void Advance(TimeSpan by) => _ticks += by.Ticks;
}
