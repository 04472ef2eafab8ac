using System.Security.Cryptography;
using Tienda.Inspection;
using Tienda.Inspection.Checks;

namespace Tienda.UnitTests.Inspection;

public sealed class JudgementTests
{
    [Theory]
    [InlineData(199.9, Verdict.Pass)]
    [InlineData(200, Verdict.Warn)]
    [InlineData(499.9, Verdict.Warn)]
    [InlineData(500, Verdict.Fail)]
    public void Less_is_better_for_times(double ms, Verdict verdict) => Assert.Equal(verdict, GuideTargets.P95.Judge(ms));

    [Theory]
    [InlineData(70.1, Verdict.Pass)]
    [InlineData(70, Verdict.Warn)]
    [InlineData(50, Verdict.Fail)]
    public void More_is_better_for_hits(double percent, Verdict verdict) => Assert.Equal(verdict, GuideTargets.HitRate.Judge(percent));

    [Fact]
    public void Targets_read_as_in_the_guide()
    {
        Assert.Equal(("Response Time (p95)", "< 200 ms", "< 500 ms"), Texts(GuideTargets.P95));
        Assert.Equal(("Response Time (p50)", "< 100 ms", "< 200 ms"), Texts(GuideTargets.Median));
        Assert.Equal(("Requests/sec", "> 100", "> 80"), Texts(GuideTargets.Requests));
        Assert.Equal(("Error Rate", "< 1 %", "< 5 %"), Texts(GuideTargets.Errors));
        Assert.Equal(("Cache Hit Rate", "> 70 %", "> 50 %"), Texts(GuideTargets.HitRate));
        Assert.Equal(("DB Pool Utilization", "< 70 %", "< 90 %"), Texts(GuideTargets.Pool));

        static (string, string, string) Texts(GuideTarget target) => (target.Name, target.WantedText, target.CriticalText);
    }

    [Fact]
    public void Random_secrets_are_strong_however_they_are_written()
    {
        for (var i = 0; i < 1000; i++)
        {
            var bytes = RandomNumberGenerator.GetBytes(24);
            Assert.InRange(SecretStrength.Bits(Convert.ToHexStringLower(bytes)), 100, 192);
            Assert.InRange(SecretStrength.Bits(Convert.ToBase64String(bytes)), 100, 192);
        }
    }

    [Theory]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    [InlineData("1234123412341234123412341234")]
    public void What_repeats_itself_is_weak(string secret) => Assert.InRange(SecretStrength.Bits(secret), 0, 60);

    [Theory]
    [InlineData("tu_password_seguro_aqui", true)]
    [InlineData("ChangeMe-please-1", true)]
    [InlineData("9f2c4be07d1a", false)]
    public void What_stands_in_examples_is_known(string secret, bool isPlaceholder) =>
        Assert.Equal(isPlaceholder, SecretStrength.IsPlaceholder(secret));
}
