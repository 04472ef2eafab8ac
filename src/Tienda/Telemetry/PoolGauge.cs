using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Tienda.Hosting;

namespace Tienda.Telemetry;

/// <summary>
/// Reads how many connections of the request pool are open and in use. Npgsql tells it only through its metrics:
/// the observable instrument <c>db.client.connection.count</c>, by pool name and state.
/// </summary>
public sealed class PoolGauge : IDisposable
{
    private const string Instrument = "db.client.connection.count";

    private readonly Settings _settings;
    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<string, long> _byState = new();

    public PoolGauge(Settings settings)
    {
        _settings = settings;
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument is { Meter.Name: "Npgsql", Name: Instrument })
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<int>((_, value, tags, _) => Note(value, tags));
        _listener.SetMeasurementEventCallback<long>((_, value, tags, _) => Note(value, tags));
        _listener.Start();
    }

    public PoolHealth Read()
    {
        _listener.RecordObservableInstruments();
        var used = (int)_byState.GetValueOrDefault("used");
        var capacity = _settings.PoolSize + _settings.PoolMaxOverflow;
        return new PoolHealth
        {
            Size = _settings.PoolSize,
            CheckedIn = (int)_byState.GetValueOrDefault("idle"),
            CheckedOut = used,
            Overflow = Math.Max(0, used - _settings.PoolSize),
            TotalCapacity = capacity,
            UtilizationPercent = Math.Round(100.0 * used / capacity, 1),
        };
    }

    public void Dispose() => _listener.Dispose();

    private void Note(long value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        string? pool = null, state = null;
        foreach (var tag in tags)
        {
            switch (tag.Key)
            {
                case "db.client.connection.pool.name":
                    pool = tag.Value as string;
                    break;
                case "db.client.connection.state":
                    state = tag.Value as string;
                    break;
            }
        }

        if (pool == _settings.PoolName && state is not null)
        {
            _byState[state] = value;
        }
    }
}
