using System.Diagnostics;

namespace Tienda.ApiTests;

/// <summary>Waits for what happens by itself.</summary>
public static class Eventually
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static Task HoldsAsync(Func<bool> condition, TimeSpan? within = null) => HoldsAsync(() => Task.FromResult(condition()), within);

    /// <param name="within">How long it may take; 20 seconds if nothing else is said.</param>
    public static async Task HoldsAsync(Func<Task<bool>> condition, TimeSpan? within = null)
    {
        for (var waited = Stopwatch.StartNew(); !await condition(); await Task.Delay(5))
        {
            Assert.True(waited.Elapsed < (within ?? Patience), "It does not happen.");
        }
    }
}
