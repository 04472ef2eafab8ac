using Tienda.Security;

namespace Tienda.UnitTests.Security;

/// <summary>The key and the input are 0, 1, 2, …, as in appendix A of the paper and the vectors that its authors published.</summary>
public sealed class SipHashTests
{
    [Theory]
    [InlineData(0, 0x726fdb47dd0e0e31)]
    [InlineData(1, 0x74f839c593dc67fd)]
    [InlineData(7, 0xab0200f58b01d137)]
    [InlineData(8, 0x93f5f5799a932462)]
    [InlineData(15, 0xa129ca6149be45e5)]
    [InlineData(63, 0x958a324ceb064572)]
    public void It_gives_what_its_authors_published(int length, ulong expected)
    {
        var input = Enumerable.Range(0, length).Select(i => (byte)i).ToArray();

        Assert.Equal(expected, SipHash.Hash(0x0706050403020100, 0x0f0e0d0c0b0a0908, input));
    }
}
