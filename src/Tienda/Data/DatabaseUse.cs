using System.Diagnostics;
using Npgsql;
using Tienda.Telemetry;

namespace Tienda.Data;

/// <summary>
/// What one request, or one job beside the requests, has asked of the database. It goes along with the asynchronous call, so that no store
/// has to hand it on; where nobody has begun one, nothing is counted.
/// </summary>
public sealed class DatabaseUse
{
    private static readonly AsyncLocal<DatabaseUse?> Here = new();

    private readonly QueryFigures _figures;
    private readonly Func<string?> _requestId;

    private DatabaseUse(QueryFigures figures, Func<string?> requestId) => (_figures, _requestId) = (figures, requestId);

    public static DatabaseUse? Current => Here.Value;

    /// <summary>The request that it is for, or several of them; null for a job.</summary>
    public string? RequestId => _requestId();

    /// <summary>How often something was sent and answered.</summary>
    public int RoundTrips { get; private set; }

    /// <summary>How long the round trips took together.</summary>
    public TimeSpan Duration { get; private set; }

    /// <summary>How long a free connection, or the turn of an order, was waited for.</summary>
    public TimeSpan Waited { get; private set; }

    /// <summary>The longest of the round trips that have ended.</summary>
    public QueryName? Slowest { get; private set; }

    public TimeSpan SlowestDuration { get; private set; }

    /// <summary>Counts what the present method and those it calls ask from now on, until it returns; the method has to be async.</summary>
    public static DatabaseUse Begin(QueryFigures figures, Func<string?> requestId) => Here.Value = new DatabaseUse(figures, requestId);

    /// <summary>The same for a job that no request has asked for.</summary>
    public static void Begin(QueryFigures figures) => Begin(figures, static () => null);

    /// <summary>Counts on what a method that has returned has begun to count.</summary>
    public static void Continue(DatabaseUse? use) => Here.Value = use;

    public void NoteWait(TimeSpan waited) => Waited += waited;

    /// <summary>Adds what was asked for several requests at once: each of them has waited for all of it.</summary>
    public void NoteShared(DatabaseUse shared)
    {
        RoundTrips += shared.RoundTrips;
        Duration += shared.Duration;
        Waited += shared.Waited;
        if (shared.SlowestDuration > SlowestDuration)
        {
            (Slowest, SlowestDuration) = (shared.Slowest, shared.SlowestDuration);
        }
    }

    internal void Begins() => RoundTrips++;

    internal void Ended(QueryName name, TimeSpan duration, Exception? failure)
    {
        Duration += duration;
        if (duration > SlowestDuration)
        {
            (Slowest, SlowestDuration) = (name, duration);
        }

        _figures.Note(this, name, duration, failure);
    }
}

/// <summary>Something that was sent to the database, until all of the answer has been read.</summary>
internal sealed class RoundTrip
{
    private readonly DatabaseUse _use;
    private readonly QueryName _name;
    private readonly long _began = Stopwatch.GetTimestamp();

    private RoundTrip(DatabaseUse use, QueryName name)
    {
        (_use, _name) = (use, name);
        use.Begins();
    }

    /// <summary>Null if nobody counts.</summary>
    public static RoundTrip? Begin(QueryName name) => DatabaseUse.Current is { } use ? new RoundTrip(use, name) : null;

    public void EndsWith(NpgsqlDataReader reader) => reader.ReaderClosed += (_, _) => End(null);

    public void End(Exception? failure) => _use.Ended(_name, Stopwatch.GetElapsedTime(_began), failure);
}
