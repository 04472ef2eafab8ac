using System.Globalization;
using System.Text;

namespace Tienda.Hosting;

/// <summary>One place that settings come from, such as the environment or a file.</summary>
/// <param name="Name">As an error message calls it.</param>
public sealed record SettingsSource(string Name, IReadOnlyDictionary<string, string> Values);

/// <summary>What a setting is and why.</summary>
/// <param name="Value">A secret is shown as three dots, nothing as an empty text.</param>
/// <param name="Source">The name of a <see cref="SettingsSource"/>, or <c>default</c>.</param>
public sealed record EffectiveSetting(string Name, string Value, string Source);

/// <summary>
/// Looks settings up in several sources, the strongest first, and collects every mistake, so that one start shows them all.
/// Within a source the first of several names wins.
/// </summary>
public sealed class SettingsReader(IReadOnlyList<SettingsSource> sources)
{
    private readonly List<string> _mistakes = [];
    private readonly List<EffectiveSetting> _effective = [];

    public IReadOnlyList<string> Mistakes => _mistakes;

    /// <summary>Every setting that was asked for, in that order, with its value and where it comes from.</summary>
    public IReadOnlyList<EffectiveSetting> Effective => _effective;

    /// <param name="name">Name of the variable.</param>
    /// <param name="absent">What is shown if it is not set.</param>
    public string? Text(string name, string absent = "") => Take([name], absent)?.Value;

    public string TextOr(string name, string absent) => TextOr([name], absent);

    public string TextOr(string[] names, string absent) => Take(names, absent)?.Value ?? absent;

    /// <summary>A text that is shown to nobody.</summary>
    public string? Hidden(string name) => Take([name], "", isSecret: true)?.Value;

    /// <param name="absent">What counts if it is not set; 0 below the minimum stands for nothing.</param>
    public int Whole(string[] names, int absent, int minimum, int maximum)
    {
        var shown = absent < minimum ? "" : absent.ToString(CultureInfo.InvariantCulture);
        if (Take(names, shown) is not { } found)
        {
            return absent;
        }

        if (int.TryParse(found.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            && number >= minimum && number <= maximum)
        {
            return number;
        }

        Refuse(found, $"a whole number from {minimum} to {maximum}");
        return absent;
    }

    public double Share(string name, double absent)
    {
        if (Take([name], absent.ToString(CultureInfo.InvariantCulture)) is not { } found)
        {
            return absent;
        }

        if (double.TryParse(found.Value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            && number is >= 0 and <= 1)
        {
            return number;
        }

        Refuse(found, "a number from 0 to 1");
        return absent;
    }

    /// <summary>Everything that is set under names that begin so; names that were not asked for before are asked for now.</summary>
    public Dictionary<string, string> All(string prefix, Func<string, bool> isSecret)
    {
        var names = sources.SelectMany(source => source.Values.Keys).Distinct()
            .Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal);
        var all = new Dictionary<string, string>();
        foreach (var name in names)
        {
            var isKnown = _effective.Exists(setting => setting.Name == name);
            if ((isKnown ? Find([name]) : Take([name], "", isSecret(name))) is { } found)
            {
                all[name] = found.Value;
            }
        }

        return all;
    }

    public bool Flag(string name, bool absent)
    {
        if (Take([name], absent ? "true" : "false") is not { } found)
        {
            return absent;
        }

        switch (found.Value.ToLowerInvariant())
        {
            case "true" or "1" or "yes" or "on":
                return true;
            case "false" or "0" or "no" or "off":
                return false;
            default:
                Refuse(found, "true or false");
                return absent;
        }
    }

    /// <summary>One of several words, in any case, each with its meaning.</summary>
    public T Choice<T>(string[] names, T absent, IReadOnlyDictionary<string, T> words)
    {
        if (Take(names, words.First(word => Equals(word.Value, absent)).Key) is not { } found)
        {
            return absent;
        }

        if (words.TryGetValue(found.Value.ToLowerInvariant(), out var meaning))
        {
            return meaning;
        }

        Refuse(found, string.Join(", ", words.Keys));
        return absent;
    }

    /// <summary>A value that no message may show.</summary>
    /// <param name="name">Name of the variable.</param>
    /// <param name="shortest">The fewest bytes of UTF-8.</param>
    /// <param name="longest">The most characters.</param>
    public string? Secret(string name, int shortest, int longest = 1024)
    {
        if (Take([name], "", isSecret: true) is not { } found)
        {
            return null;
        }

        if (Encoding.UTF8.GetByteCount(found.Value) >= shortest && found.Value.Length <= longest)
        {
            return found.Value;
        }

        RefuseSecret(name, string.Create(CultureInfo.InvariantCulture, $"at least {shortest} bytes and at most {longest} characters"));
        return null;
    }

    public void RefuseSecret(string name, string accepted)
    {
        if (Find([name]) is { } found)
        {
            Refuse((found.Source, found.Name, "…"), accepted);
        }
    }

    public void Refuse(string name, string accepted)
    {
        if (Find([name]) is { } found)
        {
            Refuse(found, accepted);
        }
    }

    private void Refuse((string Source, string Name, string Value) found, string accepted) =>
        _mistakes.Add($"{found.Name}={found.Value} ({found.Source}): accepted is {accepted}.");

    private (string Source, string Name, string Value)? Take(IReadOnlyList<string> names, string absent, bool isSecret = false)
    {
        var found = Find(names);
        _effective.Add(found is { } given
            ? new EffectiveSetting(given.Name, isSecret ? "…" : given.Value, given.Source)
            : new EffectiveSetting(names[0], absent, "default"));
        return found;
    }

    // An empty value counts as unset: compose files pass variables on that nobody gave a value.
    private (string Source, string Name, string Value)? Find(IReadOnlyList<string> names)
    {
        foreach (var source in sources)
        {
            foreach (var name in names)
            {
                if (source.Values.TryGetValue(name, out var value) && value.Length > 0)
                {
                    return (source.Name, name, value);
                }
            }
        }

        return null;
    }
}
