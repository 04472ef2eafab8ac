using System.Text;
using Tienda.Telemetry;

namespace Tienda.UnitTests.Telemetry;

public sealed class LogLinesTests
{
    [Fact]
    public void Lines_of_many_threads_arrive_whole_and_each_thread_in_its_order()
    {
        var output = new PieceStream();
        using (var lines = new LogLines(output, isJson: false, isShared: true, TimeProvider.System))
        {
            Parallel.For(0, 8, thread =>
            {
                for (var i = 0; i < 5_000; i++)
                {
                    lines.Write(Encoding.UTF8.GetBytes($"{thread} {i} {new string('x', i % 300)}\n"));
                }
            });
        }

        var written = output.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')).ToList();
        Assert.Equal(40_000, written.Count);
        Assert.All(written, words => Assert.Equal(int.Parse(words[1]) % 300, words[2].Length));
        Assert.All(written.GroupBy(words => words[0]), own => Assert.Equal(Enumerable.Range(0, 5_000), own.Select(words => int.Parse(words[1]))));
        Assert.All(output.Pieces, piece => Assert.True(piece.Length <= 4096 && piece.EndsWith('\n'), "A piece is cut or too long for a pipe."));
    }

    [Theory]
    [InlineData(false, "WARNING - 1000 lines of the log were dropped")]
    [InlineData(true, "\"level\":\"Warning\",\"category\":\"Tienda.Requests\",\"message\":\"1000 lines of the log were dropped")]
    public void What_a_reader_who_does_not_keep_up_misses_is_counted_and_said(bool json, string said)
    {
        var output = new PieceStream();
        output.Gate.Reset();
        using (var lines = new LogLines(output, json, isShared: true, TimeProvider.System))
        {
            // The first one is with the reader, who does not take it; the others gather behind it.
            lines.Write("taken\n"u8);
            Assert.True(output.IsWriting.Wait(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken));
            var line = Encoding.UTF8.GetBytes(new string('x', 1023) + "\n");
            for (var i = 0; i < (8 * 1024) + 1000; i++)
            {
                lines.Write(line);
            }

            Assert.Equal(1000, lines.Dropped);
            lines.Write("an error\n"u8, isImportant: true);
            Assert.Equal(1000, lines.Dropped);
            output.Gate.Set();
        }

        Assert.Equal((8 * 1024) + 3, output.Text.Count(c => c == '\n'));
        Assert.Contains("an error\n", output.Text, StringComparison.Ordinal);
        Assert.Contains(said, output.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void What_gathers_again_and_again_needs_no_memory_again_and_is_written_at_once()
    {
        const int Rounds = 10;
        var output = new PieceStream();
        using var lines = new LogLines(output, isJson: false, isShared: false, TimeProvider.System);
        var line = Encoding.UTF8.GetBytes(new string('x', 1023) + "\n");
        var before = 0L;
        for (var round = 1; round <= 2 * Rounds; round++)
        {
            if (round == Rounds)
            {
                before = GC.GetAllocatedBytesForCurrentThread();
            }

            for (var i = 0; i < 300; i++)
            {
                lines.Write(line);
            }

            while (output.Taken < round * 300 * line.Length)
            {
                Thread.Yield();
            }
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10_000);
        Assert.InRange(output.Pieces.Count, 2 * Rounds, 6 * Rounds);
    }

    [Fact]
    public async Task A_reader_who_takes_nothing_does_not_keep_the_process_from_ending()
    {
        var output = new PieceStream();
        output.Gate.Reset();
        var lines = new LogLines(output, isJson: false, isShared: true, TimeProvider.System);
        lines.Write("nobody takes it\n"u8);
        Assert.True(output.IsWriting.Wait(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken));

        await Task.Run(lines.Dispose, TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        output.Gate.Set();
    }

    /// <summary>An output that keeps apart what is written at once, and takes it only while its gate is open.</summary>
    private sealed class PieceStream : MemoryStream
    {
        private long _taken;

        public long Taken => Volatile.Read(ref _taken);

        public List<string> Pieces { get; } = [];

        public ManualResetEventSlim Gate { get; } = new(initialState: true);

        public ManualResetEventSlim IsWriting { get; } = new();

        public string Text => string.Concat(Pieces);

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            IsWriting.Set();
            Gate.Wait();
            Pieces.Add(Encoding.UTF8.GetString(buffer));
            Interlocked.Add(ref _taken, buffer.Length);
        }
    }
}
