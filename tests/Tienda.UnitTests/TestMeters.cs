using System.Diagnostics.Metrics;

namespace Tienda.UnitTests;

/// <summary>Meters that nobody listens to.</summary>
public sealed class TestMeters : IMeterFactory
{
    private readonly List<Meter> _made = [];

    public Meter Create(MeterOptions options)
    {
        _made.Add(new Meter(options));
        return _made[^1];
    }

    public void Dispose() => _made.ForEach(meter => meter.Dispose());
}
