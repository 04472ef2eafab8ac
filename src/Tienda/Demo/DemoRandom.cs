namespace Tienda.Demo;

/// <summary>
/// The same numbers from the same seed in every version of .NET, which the framework's own generator does not promise.
/// SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014; public domain code by Sebastiano Vigna.
/// </summary>
public struct DemoRandom
{
    private ulong _state;

    /// <summary>Starts a sequence of its own for one record, so that a record depends on its number only.</summary>
    /// <param name="kind">What the record is; a client and an order of the same number must not resemble each other.</param>
    public DemoRandom(char kind, int number) => _state = Mix(((ulong)kind << 40) + (ulong)number);

    /// <summary>0 to below <paramref name="bound"/>.</summary>
    public int Below(int bound) => (int)(((Next() >> 32) * (ulong)bound) >> 32);

    /// <summary>Both ends included.</summary>
    public int Between(int least, int most) => least + Below(most - least + 1);

    /// <summary>True in so many of a hundred cases.</summary>
    public bool Chance(int percent) => Below(100) < percent;

    public T Pick<T>(IReadOnlyList<T> choices) => choices[Below(choices.Count)];

    private ulong Next()
    {
        _state += 0x9e3779b97f4a7c15;
        return Mix(_state);
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
}
