using System.Text;

namespace Tienda.Inspection;

/// <summary>How a figure is to be taken.</summary>
public enum Tone
{
    Plain,
    Faint,
    Good,
    Doubtful,
    Bad,
}

/// <summary>A column of a <see cref="TextTable"/>; figures stand on the right.</summary>
public sealed record Column(string Title, bool IsFigure = false);

/// <summary>What stands in one place of a table.</summary>
public readonly record struct Cell(string Text, Tone Tone = Tone.Plain)
{
    public static implicit operator Cell(string text) => new(text);
}

/// <summary>
/// Aligned columns for terminals, files and pipes. The last column gets what is left of the width, and is cut to it. (Spectre.Console was
/// tried: with a long last column its tables drop the first one and break figures over lines, also where the output is a file.)
/// </summary>
public sealed class TextTable(params Column[] columns)
{
    private const string Between = "  ";
    private const int LeastLastWidth = 24;

    private readonly List<(Cell[] Cells, string? Note, Tone Tone)> _lines = [];

    public bool IsEmpty => _lines.Count == 0;

    public void Add(params Cell[] cells) => _lines.Add((cells, null, Tone.Plain));

    /// <summary>A line that has nothing to do with columns.</summary>
    public void AddNote(string note, Tone tone = Tone.Plain) => _lines.Add(([], note, tone));

    /// <param name="width">Of the screen, in characters.</param>
    /// <param name="coloured">Whether a terminal reads it.</param>
    public IEnumerable<string> Lines(int width, bool coloured)
    {
        var widths = columns.Select((column, i) => Math.Max(
            column.Title.Length,
            _lines.Where(line => line.Note is null).Select(line => line.Cells[i].Text.Length).DefaultIfEmpty().Max())).ToArray();
        if (!columns[^1].IsFigure)
        {
            var left = width - widths[..^1].Sum() - (Between.Length * (columns.Length - 1));
            widths[^1] = Math.Min(widths[^1], Math.Max(LeastLastWidth, left));
        }

        yield return Line([.. columns.Select(column => new Cell(column.Title))], widths, coloured: false);
        yield return Line([.. widths.Select(columnWidth => new Cell(new string('-', columnWidth)))], widths, coloured: false);
        foreach (var (cells, note, tone) in _lines)
        {
            yield return note is null ? Line(cells, widths, coloured) : Coloured(note, tone, coloured);
        }
    }

    /// <summary>A text that a terminal shows in the colour of its tone.</summary>
    public static string Coloured(string text, Tone tone, bool coloured) => tone switch
    {
        Tone.Faint when coloured => $"\e[2m{text}\e[0m",
        Tone.Good when coloured => $"\e[32m{text}\e[0m",
        Tone.Doubtful when coloured => $"\e[33m{text}\e[0m",
        Tone.Bad when coloured => $"\e[31m{text}\e[0m",
        _ => text,
    };

    private string Line(Cell[] cells, int[] widths, bool coloured)
    {
        var line = new StringBuilder();
        for (var i = 0; i < cells.Length; i++)
        {
            var text = cells[i].Text.Length > widths[i] ? cells[i].Text[..(widths[i] - 1)] + "…" : cells[i].Text;
            text = columns[i].IsFigure ? text.PadLeft(widths[i]) : i == cells.Length - 1 ? text : text.PadRight(widths[i]);
            line.Append(i == 0 ? "" : Between).Append(Coloured(text, cells[i].Tone, coloured));
        }

        return line.ToString().TrimEnd();
    }
}
