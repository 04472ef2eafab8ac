namespace Tienda.Inspection.Checks;

/// <summary>One line of the check list.</summary>
public sealed record Check
{
    /// <summary>What it is about: settings, system, postgresql, redis, shop or proxy.</summary>
    public required string Section { get; init; }

    /// <summary>Stays the same, for programs.</summary>
    public required string Id { get; init; }

    /// <summary>For people; the guide's own name where it has one.</summary>
    public required string Name { get; init; }

    public required Verdict Status { get; init; }

    /// <summary>What was found, with its unit.</summary>
    public required string Figure { get; init; }

    /// <summary>What is wanted.</summary>
    public required string Target { get; init; }

    /// <summary>What to do; null if nothing is.</summary>
    public required string? Advice { get; init; }
}

/// <summary>The check list, gone through.</summary>
public sealed record CheckReport
{
    public required IReadOnlyList<Check> Checks { get; init; }

    public required int Passed { get; init; }

    public required int Warnings { get; init; }

    public required int Failed { get; init; }

    /// <summary>What was left out because nobody has said where it is.</summary>
    public required IReadOnlyList<string> NotChecked { get; init; }
}

/// <summary>Collects the lines.</summary>
public sealed class CheckList
{
    private readonly List<Check> _checks = [];

    public CheckReport Report(IReadOnlyList<string> notChecked) => new()
    {
        Checks = _checks,
        Passed = _checks.Count(check => check.Status == Verdict.Pass),
        Warnings = _checks.Count(check => check.Status == Verdict.Warn),
        Failed = _checks.Count(check => check.Status == Verdict.Fail),
        NotChecked = notChecked,
    };

    public Section Of(string section) => new(section, _checks);

    /// <summary>The lines about one thing.</summary>
    public sealed class Section(string name, List<Check> checks)
    {
        /// <param name="advice">Kept only if it did not pass.</param>
        public void Add(string id, string title, Verdict status, string figure, string target, string advice) => checks.Add(new Check
        {
            Section = name,
            Id = id,
            Name = title,
            Status = status,
            Figure = figure,
            Target = target,
            Advice = status == Verdict.Pass ? null : advice,
        });

        /// <summary>A figure that the guide has a target for.</summary>
        /// <param name="figure">Null if there is none yet, which is worth a warning.</param>
        public void Add(string id, GuideTarget target, double? figure, string advice, string more = "")
        {
            var text = figure is { } known ? $"{Screen.Number(known, 1)} {target.Unit}{more}" : "not known yet";
            Add(
                id, target.Name, figure is { } judged ? target.Judge(judged) : Verdict.Warn, text,
                $"{target.WantedText}, critical {target.CriticalText}",
                figure is null ? "Nothing has happened that it could be taken from. Look again when there were customers." : advice);
        }
    }
}
