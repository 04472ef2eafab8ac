using System.Globalization;

namespace Tienda.Inspection;

/// <summary>How something is judged.</summary>
public enum Verdict
{
    Pass,
    Warn,
    Fail,
}

/// <summary>A line of the guide's table of targets, under its name: what is wanted, and from where it is critical.</summary>
public sealed record GuideTarget(string Name, double Wanted, double Critical, string Unit, bool LessIsBetter)
{
    public string WantedText => Text(Wanted);

    public string CriticalText => Text(Critical);

    public Verdict Judge(double figure) =>
        IsWithin(figure, Wanted) ? Verdict.Pass
        : IsWithin(figure, Critical) ? Verdict.Warn
        : Verdict.Fail;

    private bool IsWithin(double figure, double limit) => LessIsBetter ? figure < limit : figure > limit;

    private string Text(double limit) =>
        string.Create(CultureInfo.InvariantCulture, $"{(LessIsBetter ? '<' : '>')} {limit}{(Unit.Length == 0 ? "" : " ")}{Unit}");
}

/// <summary>The guide's targets.</summary>
public static class GuideTargets
{
    /// <summary>What the shop has to bear, not what it must be asked for.</summary>
    public static GuideTarget Requests { get; } = new("Requests/sec", 100, 80, "", LessIsBetter: false);

    public static GuideTarget Median { get; } = new("Response Time (p50)", 100, 200, "ms", LessIsBetter: true);

    public static GuideTarget P95 { get; } = new("Response Time (p95)", 200, 500, "ms", LessIsBetter: true);

    public static GuideTarget Errors { get; } = new("Error Rate", 1, 5, "%", LessIsBetter: true);

    public static GuideTarget HitRate { get; } = new("Cache Hit Rate", 70, 50, "%", LessIsBetter: false);

    public static GuideTarget Pool { get; } = new("DB Pool Utilization", 70, 90, "%", LessIsBetter: true);

    /// <summary>From /health_check: above 100 ms the guide's warning, and five times that is critical.</summary>
    public static GuideTarget Latency { get; } = new("Database latency", 100, 500, "ms", LessIsBetter: true);

    /// <summary>"Optimizar queries lentas (>100ms)".</summary>
    public const double SlowStatementMs = 100;

    /// <summary>"Usuarios Concurrentes" that the shop has to bear.</summary>
    public const int Users = 400;
}
