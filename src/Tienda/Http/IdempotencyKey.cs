using System.Diagnostics.CodeAnalysis;

namespace Tienda.Http;

/// <summary>
/// The <c>Idempotency-Key</c> that a sender gives a request, so that repeating it does nothing twice: 1 to 255 printable ASCII characters,
/// plain and then without commas and quotes, or as the quoted string of draft-ietf-httpapi-idempotency-key-header-07.
/// </summary>
public sealed record IdempotencyKey(string Value) : IParsable<IdempotencyKey>
{
    public const string Header = "Idempotency-Key";

    /// <summary>Says of an answer that it was given before.</summary>
    public const string ReplayedHeader = "Idempotency-Replayed";

    public const int MaximumLength = 255;

    /// <summary>What a key must look like, for messages.</summary>
    public static readonly string Form = string.Create(
        System.Globalization.CultureInfo.InvariantCulture,
        $"1 to {MaximumLength} printable ASCII characters, sent once, commas only in quotes");

    public static IdempotencyKey Parse(string s, IFormatProvider? provider) =>
        TryParse(s, provider, out var key) ? key : throw new FormatException();

    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, [NotNullWhen(true)] out IdempotencyKey? result)
    {
        var value = s?.Trim(' ');
        // Two headers arrive as one with a comma, and are none.
        var forbidden = ",\"";
        if (value is ['"', .. var quoted, '"'])
        {
            (value, forbidden) = (quoted, "\"\\");
        }

        result = value is { Length: > 0 and <= MaximumLength }
            && !string.IsNullOrWhiteSpace(value)
            && !value.AsSpan().ContainsAnyExceptInRange(' ', '~')
            && !value.AsSpan().ContainsAny(forbidden)
            ? new IdempotencyKey(value)
            : null;
        return result is not null;
    }
}

/// <summary>Tells the sender of a repeated request.</summary>
public static class Replay
{
    public static void TellReplay(this HttpResponse response, bool replayed)
    {
        if (replayed)
        {
            response.Headers[IdempotencyKey.ReplayedHeader] = "true";
        }
    }
}
