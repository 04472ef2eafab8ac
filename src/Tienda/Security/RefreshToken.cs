using System.Buffers.Text;
using System.Security.Cryptography;

namespace Tienda.Security;

/// <summary>What keeps somebody signed in: the id of the session and its present secret, as one opaque word.</summary>
public sealed class RefreshToken
{
    private const int IdBytes = 16;
    private const int SecretBytes = 32;

    private readonly byte[] _secret;

    private RefreshToken(Guid session, byte[] secret) => (Session, _secret) = (session, secret);

    public Guid Session { get; }

    /// <summary>SHA-256 of the secret. It needs no salt or slowness: nobody can guess 256 random bits.</summary>
    public byte[] SecretHash => SHA256.HashData(_secret);

    public static RefreshToken Create() => OfSession(new Guid(RandomNumberGenerator.GetBytes(IdBytes)));

    /// <summary>A new secret for a session that goes on.</summary>
    public static RefreshToken OfSession(Guid session) => new(session, RandomNumberGenerator.GetBytes(SecretBytes));

    /// <summary>Reads a word that somebody sent, or answers null if it never was a refresh token.</summary>
    public static RefreshToken? Parse(string word)
    {
        Span<byte> bytes = stackalloc byte[IdBytes + SecretBytes];
        return Base64Url.IsValid(word, out var length) && length == bytes.Length
            && Base64Url.TryDecodeFromChars(word, bytes, out _)
                ? new RefreshToken(new Guid(bytes[..IdBytes]), bytes[IdBytes..].ToArray())
                : null;
    }

    public string ToWord() => Base64Url.EncodeToString([.. Session.ToByteArray(), .. _secret]);
}
