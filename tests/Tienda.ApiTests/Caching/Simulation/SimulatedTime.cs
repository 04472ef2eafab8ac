namespace Tienda.ApiTests.Caching.Simulation;

/// <summary>A clock that stands still until it is told to go on. The time of day is the real one.</summary>
public sealed class SimulatedTime : TimeProvider
{
    private long _ticks = 1;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Interlocked.Read(ref _ticks);

    public void Advance(TimeSpan by) => Interlocked.Add(ref _ticks, by.Ticks);
}
