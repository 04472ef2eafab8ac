namespace Tienda.Inspection.Checks;

/// <summary>How hard a secret is to guess, judged without knowing how it was made.</summary>
public static class SecretStrength
{
    // What stands in examples and is forgotten there.
    private static readonly string[] Placeholders =
        ["changeme", "change-me", "change_me", "password", "contrase", "secret", "seguro", "example", "ejemplo", "qwerty", "postgres"];

    public static bool IsPlaceholder(string secret) =>
        Placeholders.Any(word => secret.Contains(word, StringComparison.OrdinalIgnoreCase));

    /// <summary>
    /// Bits by Shannon's formula over the secret's own characters: what was made at random has nearly as many as it could have, "aaaa" has
    /// none. A sentence is overrated by it, never a random text.
    /// </summary>
    public static double Bits(string secret) => -secret
        .GroupBy(letter => letter)
        .Sum(letters => letters.Count() * Math.Log2((double)letters.Count() / secret.Length));
}
