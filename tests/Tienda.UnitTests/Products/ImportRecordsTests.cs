using System.Text;
using Tienda.Http;
using Tienda.Products;

namespace Tienda.UnitTests.Products;

/// <summary>Where records begin and end, however the bytes arrive.</summary>
public sealed class ImportRecordsTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("a,b\nc,d\n", "1:a,b|2:c,d")]
    [InlineData("a,b\r\nc,d", "1:a,b|2:c,d")]
    [InlineData("\uFEFFa\n\n\r\nb\n", "1:a|4:b")]
    [InlineData("\"a\nb\",c\nd", "1:\"a\nb\",c|3:d")]
    [InlineData("\"a\"\"\n\"\"b\",c\r\nd\n", "1:\"a\"\"\n\"\"b\",c|3:d")]
    [InlineData("a\"b\nc\n", "1:a\"b|2:c")]
    [InlineData("\"a\"b\"\nc\n", "1:\"a\"b\"|2:c")]
    [InlineData(",\"\"\n\"\"", "1:,\"\"|2:\"\"")]
    [InlineData("\"", "1! has a value whose quotation marks are not closed")]
    [InlineData("a\n\"b\nc", "1:a|2! has a value whose quotation marks are not closed")]
    [InlineData("", "")]
    [InlineData("\n", "")]
    public async Task Csv_is_cut_where_no_value_goes_on(string file, string expected)
    {
        for (var piece = 1; piece <= 5; piece++)
        {
            Assert.Equal(expected, await ReadAsync(file, FileFormat.Csv, piece));
        }
    }

    [Theory]
    [InlineData("{\"a\":\"\n{}", "1:{\"a\":\"|2:{}")]
    [InlineData("\uFEFF{}\r\n\r\n{}", "1:{}|3:{}")]
    public async Task Ndjson_is_cut_at_every_end_of_line(string file, string expected)
    {
        for (var piece = 1; piece <= 5; piece++)
        {
            Assert.Equal(expected, await ReadAsync(file, FileFormat.Ndjson, piece));
        }
    }

    [Theory]
    [InlineData(FileFormat.Csv, "x", 70_000, "has more than 65536 bytes")]
    [InlineData(FileFormat.Csv, "x", 400_000, "has more than 65536 bytes")]
    [InlineData(FileFormat.Csv, "\"", 1_000_001, "has a value whose quotation marks are not closed, or more than 65536 bytes")]
    [InlineData(FileFormat.Ndjson, "x", 65_537, "has more than 65536 bytes")]
    public async Task A_record_is_bounded(FileFormat format, string letter, int times, string failure)
    {
        var text = "first\n" + string.Concat(Enumerable.Repeat(letter, times)) + "\nlast\n";

        Assert.Equal($"1:first|2! {failure}", await ReadAsync(text, format, 5000));
    }

    [Fact]
    public async Task Many_records_are_all_there()
    {
        var lines = Enumerable.Range(1, 20_000).Select(i => $"{i},\"{new string('x', i % 300)}\"").ToList();

        Assert.Equal(
            string.Join('|', lines.Select((line, i) => $"{i + 1}:{line}")), await ReadAsync(string.Join('\n', lines), FileFormat.Csv, 4096));
    }

    private static async Task<string> ReadAsync(string file, FileFormat format, int piece)
    {
        await using var stream = new InPieces(Encoding.UTF8.GetBytes(file), piece);
        var records = new ImportRecords(stream, format);
        var found = new List<string>();
        while (await records.ReadAsync(Ct))
        {
            found.Add($"{records.Line}:{Encoding.UTF8.GetString(records.Record.Span)}");
        }

        if (records.Failure is { } failure)
        {
            found.Add($"{records.Line}! {failure}");
        }

        return string.Join('|', found);
    }

    /// <summary>Gives so many bytes at a time.</summary>
    private sealed class InPieces(byte[] bytes, int piece) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(piece, buffer.Length)], cancellationToken);
    }
}
