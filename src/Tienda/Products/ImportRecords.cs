using System.Buffers;
using Tienda.Http;

namespace Tienda.Products;

/// <summary>
/// Cuts a file into its records as it comes, in a buffer of a fixed size: a line each or, in CSV, more than one if a quoted value goes on.
/// Empty lines are passed over.
/// </summary>
/// <param name="input">The file, in UTF-8.</param>
public sealed class ImportRecords(Stream input, FileFormat format)
{
    /// <summary>The largest record that can be valid has a fifth of this; as JSON with an escape for every letter, most of it.</summary>
    public const int Longest = 64 * 1024;

    private static readonly SearchValues<byte> Separators = SearchValues.Create(",\n"u8);

    private readonly byte[] _buffer = new byte[4 * Longest];
    private int _begin;
    private int _scanned;
    private int _end;
    private bool _hasEnded;
    private bool _isQuoted;
    private bool _beginsField = true;
    private long _nextLine = 1;

    /// <summary>The line in which the present record begins, from 1.</summary>
    public long Line { get; private set; } = 1;

    /// <summary>The present record, without its end of line.</summary>
    public ReadOnlyMemory<byte> Record { get; private set; }

    /// <summary>Why it ended before the end of the file, or null.</summary>
    public string? Failure { get; private set; }

    /// <summary>Goes on to the next record; false if there is none, or if it cannot be read.</summary>
    public async ValueTask<bool> ReadAsync(CancellationToken ct)
    {
        while (true)
        {
            Line = _nextLine;
            while (!Scan())
            {
                if (_scanned - _begin > Longest || _end - _begin == _buffer.Length)
                {
                    Failure = _isQuoted
                        ? $"has a value whose quotation marks are not closed, or more than {Longest} bytes"
                        : $"has more than {Longest} bytes";
                    return false;
                }

                if (_hasEnded)
                {
                    // What is left is the last record, if anything is left.
                    if (_end > _begin && !_isQuoted)
                    {
                        break;
                    }

                    Failure = _isQuoted ? "has a value whose quotation marks are not closed" : null;
                    return false;
                }

                await FillAsync(ct);
            }

            ReadOnlyMemory<byte> record = _buffer.AsMemory(_begin, _scanned - _begin);
            if (record.Length > Longest)
            {
                Failure = $"has more than {Longest} bytes";
                return false;
            }

            _nextLine += record.Span.Count((byte)'\n') + (_scanned == _end ? 0 : 1);
            _begin = _scanned = Math.Min(_scanned + 1, _end);
            _beginsField = true;
            record = Trim(record);
            if (record.Length > 0)
            {
                Record = record;
                return true;
            }

            if (_hasEnded && _begin == _end)
            {
                return false;
            }
        }
    }

    /// <summary>Goes on to the end of the record; false if it is not in the buffer.</summary>
    private bool Scan()
    {
        while (_scanned < _end)
        {
            var rest = _buffer.AsSpan(_scanned, _end - _scanned);
            if (_isQuoted)
            {
                var quote = rest.IndexOf((byte)'"');
                if (quote < 0 || (quote + 1 == rest.Length && !_hasEnded))
                {
                    // The mark may be the first of two, which stand for one.
                    _scanned += quote < 0 ? rest.Length : quote;
                    return false;
                }

                var isTwice = quote + 1 < rest.Length && rest[quote + 1] == (byte)'"';
                _scanned += quote + (isTwice ? 2 : 1);
                _isQuoted = isTwice;
                continue;
            }

            if (_beginsField && format is FileFormat.Csv && rest[0] == (byte)'"')
            {
                (_isQuoted, _beginsField) = (true, false);
                _scanned++;
                continue;
            }

            var separator = format is FileFormat.Csv ? rest.IndexOfAny(Separators) : rest.IndexOf((byte)'\n');
            if (separator < 0)
            {
                _beginsField = false;
                _scanned = _end;
                return false;
            }

            _scanned += separator;
            if (rest[separator] == (byte)'\n')
            {
                return true;
            }

            _beginsField = true;
            _scanned++;
        }

        return false;
    }

    private async ValueTask FillAsync(CancellationToken ct)
    {
        if (_begin > 0)
        {
            _buffer.AsSpan(_begin, _end - _begin).CopyTo(_buffer);
            (_scanned, _end, _begin) = (_scanned - _begin, _end - _begin, 0);
        }

        var isFirst = _nextLine == 1 && _end == 0;
        var length = await input.ReadAtLeastAsync(_buffer.AsMemory(_end), isFirst ? 3 : 1, throwOnEndOfStream: false, ct);
        _end += length;
        _hasEnded = length == 0 || (isFirst && length < 3);
        if (isFirst && _buffer.AsSpan(0, _end).StartsWith("\uFEFF"u8))
        {
            // Which some programs put before UTF-8.
            _begin = _scanned = 3;
        }
    }

    private static ReadOnlyMemory<byte> Trim(ReadOnlyMemory<byte> record) =>
        record.Length > 0 && record.Span[^1] == (byte)'\r' ? record[..^1] : record;
}
