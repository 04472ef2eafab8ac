namespace Tienda.Caching;

/// <summary>
/// Remembers for a while what was asked for. Somebody who goes through the whole catalog asks for every page once, and would push out what
/// others ask for again and again; so a page far from the beginning is kept only when it is asked for a second time.
/// </summary>
public sealed class SeenOnce
{
    private const int Bits = 1 << 20;

    // Then it forgets everything. One in a hundred is taken for another one by then, and kept a time too early.
    private const int Most = Bits / 64;

    private int[] _seen = new int[Bits / 32];
    private int _count;

    /// <summary>Whether it was seen before.</summary>
    public bool Note(string key)
    {
        if (Interlocked.Increment(ref _count) > Most)
        {
            _seen = new int[Bits / 32];
            _count = 0;
        }

        var place = string.GetHashCode(key, StringComparison.Ordinal) & (Bits - 1);
        var bit = 1 << (place % 32);
        return (Interlocked.Or(ref _seen[place / 32], bit) & bit) != 0;
    }
}
