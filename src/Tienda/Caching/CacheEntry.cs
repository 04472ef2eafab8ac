using System.Buffers.Text;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Tienda.Data;

namespace Tienda.Caching;

/// <summary>One answer, ready to be sent: the bytes of its body, its headers, and what tells whether it still holds.</summary>
public sealed class CacheEntry
{
    /// <summary>The state of <see cref="CacheClock"/> in which this entry was last found to hold.</summary>
    internal long HeldAt = -1;

    // A shorter body gains less than the header that names the encoding costs.
    private const int ShortestToCompress = 512;
    private const int BrotliQuality = 5;
    private const int Overhead = 600;
    private const int BytesOfTag = 40;
    private const int BytesOfStock = 16;

    private byte[]? _brotli;
    private byte[]? _gzip;

    /// <param name="body">JSON in UTF-8.</param>
    /// <param name="absent">What does not exist, if that is the answer; there is no body then.</param>
    public CacheEntry(byte[] body, string? absent = null, string? link = null, string? total = null, string? corrected = null)
    {
        (Body, Absent, Link, Total, Corrected) = (body, absent, link, total, corrected);
        var hash = HashOf(body, link, total, corrected);
        var etags = EtagsOf(hash);
        (Etag, EtagOfBrotli, EtagOfGzip) = (etags[0], etags[1], etags[2]);
    }

    public byte[] Body { get; }

    /// <summary>The detail of a 404.</summary>
    public string? Absent { get; }

    public string? Link { get; }

    public string? Total { get; }

    /// <summary>What was searched for instead of what was typed.</summary>
    public string? Corrected { get; }

    public string Etag { get; }

    public string EtagOfBrotli { get; }

    public string EtagOfGzip { get; }

    /// <summary>
    /// Null for an answer that is given once and not kept. A later one takes its place when the answer is found to hold at a later moment.
    /// </summary>
    public CacheStamp? Stamp
    {
        get => Volatile.Read(ref field);
        set => Volatile.Write(ref field, value);
    }

    /// <summary>The versions of the stocks that the body shows, in its order.</summary>
    public IReadOnlyList<ShownStock> Stock { get; init; } = [];

    /// <summary>When it was last put into Redis; Unix time in milliseconds.</summary>
    public long SharedAt { get; set; }

    public IReadOnlyList<string> Tags
    {
        get;
        init
        {
            field = value;
            Slots = [.. value.Select(CacheTag.SlotOf)];
        }
    }

    = [];

    /// <summary>Places of the tags in the clock's table.</summary>
    public int[] Slots { get; private init; } = [];

    /// <summary>When it is read anew although nothing is known to have changed; Unix time in milliseconds.</summary>
    public long ExpiresAt { get; init; }

    /// <summary>The compressed forms count as half of the body each; one that would be larger is not kept.</summary>
    public int Size => (2 * Body.Length) + Overhead + (BytesOfTag * Tags.Count) + (BytesOfStock * Stock.Count);

    /// <summary>The body in brotli (RFC 7932), made once; null if that is not worth it.</summary>
    public byte[]? Brotli => Compressed(ref _brotli, CompressBrotli);

    /// <summary>The body in gzip (RFC 1952), made once; null if that is not worth it.</summary>
    public byte[]? Gzip => Compressed(ref _gzip, CompressGzip);

    /// <summary>The ETags of an answer as it is, in brotli and in gzip: the bytes differ, so they do.</summary>
    public static string[] EtagsOf(string hash) => [$"\"{hash}\"", $"\"{hash}-br\"", $"\"{hash}-gzip\""];

    /// <summary>
    /// What the ETags of an answer are made of: its bytes, and the headers that tell of other pages. 128 bits in base64url, the same for
    /// the same answer in every process.
    /// </summary>
    public static string HashOf(byte[] body, string? link = null, string? total = null, string? corrected = null)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        if (link is null && total is null && corrected is null)
        {
            SHA256.HashData(body, hash);
        }
        else
        {
            using var hasher = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            hasher.AppendData(body);
            hasher.AppendData(Encoding.UTF8.GetBytes($"\n{link}\n{total}\n{corrected}"));
            hasher.GetHashAndReset(hash);
        }

        return Base64Url.EncodeToString(hash[..16]);
    }

    /// <summary>The same answer with these stocks, or null if it cannot be made of this one.</summary>
    public CacheEntry? With(StockNow[] stocks, CacheStamp stamp)
    {
        var changes = Array.Exists(stocks, stock => stock.Stock is not null);
        return (changes ? StockInJson.Write(Body, stocks) : Body) is not { } body
            ? null
            : new CacheEntry(body, Absent, Link, Total, Corrected)
            {
                Stamp = stamp,
                Tags = Tags,
                Stock = [.. stocks.Select(stock => stock.Shown)],
                ExpiresAt = ExpiresAt,
                SharedAt = SharedAt,
            };
    }

    // Two requests at the same moment may both make it; they make the same.
    private byte[]? Compressed(ref byte[]? form, Func<byte[], byte[]> compress)
    {
        if (Volatile.Read(ref form) is not { } made)
        {
            made = Body.Length < ShortestToCompress ? [] : compress(Body);
            made = made.Length > Body.Length / 2 ? [] : made;
            Volatile.Write(ref form, made);
        }

        return made.Length == 0 ? null : made;
    }

    private static byte[] CompressBrotli(byte[] body)
    {
        var target = new byte[BrotliEncoder.GetMaxCompressedLength(body.Length)];
        return BrotliEncoder.TryCompress(body, target, out var written, BrotliQuality, window: 22) ? target[..written] : [];
    }

    private static byte[] CompressGzip(byte[] body)
    {
        using var target = new MemoryStream(body.Length / 2);
        using (var gzip = new GZipStream(target, CompressionLevel.Optimal))
        {
            gzip.Write(body);
        }

        return target.ToArray();
    }
}
