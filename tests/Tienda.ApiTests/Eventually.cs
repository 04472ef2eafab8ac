using System.Diagnostics;

namespace Tienda.ApiTests;

/// <summary>Waits for what happens by itself.</summary>
public static class Eventually
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static Task HoldsAsync(Func<bool> condition) => HoldsAsync(() => Task.FromResult(condition()));

    public static async Task HoldsAsync(Func<Task<bool>> condition)
    {
        for (var waited = Stopwatch.StartNew(); !await condition(); await Task.Delay(5))
        {
            Assert.True(waited.Elapsed < Patience, "It does not happen.");
        }
    }
}
