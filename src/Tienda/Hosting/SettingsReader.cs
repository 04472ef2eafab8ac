using System.Globalization;
using System.Text;

namespace Tienda.Hosting;

/// <summary>One place that settings come from, such as the environment or a file.</summary>
/// <param name="Name">As an error message calls it.</param>
public sealed record SettingsSource(string Name, IReadOnlyDictionary<string, string> Values);

/// <summary>
/// Looks settings up in several sources, the strongest first, and collects every mistake, so that one start shows them all.
/// Within a source the first of several names wins.
/// </summary>
public sealed class SettingsReader(IReadOnlyList<SettingsSource> sources)
{
    private readonly List<string> _mistakes = [];

    public IReadOnlyList<string> Mistakes => _mistakes;

    public string? Text(params string[] names) => Find(names)?.Value;

    public string TextOr(string name, string absent) => Find([name])?.Value ?? absent;

    public int Whole(string[] names, int absent, int minimum, int maximum)
    {
        if (Find(names) is not { } found)
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

    public bool Flag(string name, bool absent)
    {
        if (Find([name]) is not { } found)
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
        if (Find(names) is not { } found)
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
        if (Find([name]) is not { } found)
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
