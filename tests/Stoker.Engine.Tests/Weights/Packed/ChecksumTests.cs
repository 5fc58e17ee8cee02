using System.Text;
using Stoker.Engine.Weights.Packed;

namespace Stoker.Engine.Tests.Weights.Packed;

public class ChecksumTests
{
    [Theory]
    [InlineData("", 0u)]
    [InlineData("123456789", 0xE3069283u)] // the check value of CRC-32C
    [InlineData("The quick brown fox jumps over the lazy dog", 0x22620404u)]
    public void Is_crc_32c(string text, uint sum) => Checksum.Of(Encoding.ASCII.GetBytes(text)).ShouldBe(sum);

    [Fact]
    public void Goes_on_where_it_stopped()
    {
        var bytes = new byte[1000];
        new Random(3).NextBytes(bytes);
        foreach (var cut in new[] { 0, 1, 7, 8, 13, 999, 1000 })
        {
            Checksum.Of(bytes.AsSpan(cut), Checksum.Of(bytes.AsSpan(0, cut))).ShouldBe(Checksum.Of(bytes), $"cut at {cut}");
        }
    }
}
