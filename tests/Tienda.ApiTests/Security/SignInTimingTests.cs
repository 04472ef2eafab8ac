using System.Diagnostics;
using Tienda.Security;

namespace Tienda.ApiTests.Security;

/// <summary>Compares times, which means something only while no other test has the machine: this one runs behind all others, alone.</summary>
[CollectionDefinition(nameof(SignInTimingTests), DisableParallelization = true)]
[Collection(nameof(SignInTimingTests))]
public sealed class SignInTimingTests(ShopApp shop)
{
    [Fact]
    public async Task An_unknown_mail_takes_as_long_as_a_wrong_password()
    {
        // At the real cost of a hash, beside which everything else is noise.
        var (app, http) = await ShopApp.OpenShopAsync(
            shop.Postgres.Server("shop"), s => s with { PasswordIterations = Passwords.Iterations });
        await using var running = app;
        using var admin = http;
        using var stranger = new HttpClient { BaseAddress = http.BaseAddress };
        var known = new List<double>();
        var unknown = new List<double>();
        for (var i = 0; i < 4; i++)
        {
            // Each account once, so that no limit on failures is met.
            var client = await new Given(admin).ClientAsync();
            known.Add(await MillisecondsAsync(stranger, (string)client["email"]!));
            unknown.Add(await MillisecondsAsync(stranger, Given.Email()));
        }

        Assert.InRange(unknown.Min() / known.Min(), 0.6, 1.7);
    }

    private static async Task<double> MillisecondsAsync(HttpClient http, string email)
    {
        var watch = Stopwatch.StartNew();
        await http.PostAsync("/auth/token", new { email, password = "wrong password" }).ShouldBeAsync(401);
        return watch.Elapsed.TotalMilliseconds;
    }
}
