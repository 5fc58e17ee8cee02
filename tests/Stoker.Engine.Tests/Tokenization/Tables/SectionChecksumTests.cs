using Stoker.Engine.Tokenization.Tables;

namespace Stoker.Engine.Tests.Tokenization.Tables;

public sealed class SectionChecksumTests
{
    /// <summary>Against CRC-32C as it is defined, bit by bit, over every fourth word.</summary>
    [Fact]
    public void Each_lane_is_the_crc_of_its_words()
    {
        var bytes = new byte[4096];
        new Random(7).NextBytes(bytes);
        var checksum = new SectionChecksum();
        checksum.Add(bytes);
        var written = new byte[SectionChecksum.SizeBytes];
        checksum.Write(written);
        for (var lane = 0; lane < 4; lane++)
        {
            var crc = 0u;
            for (var at = lane * 8; at < bytes.Length; at += 32)
            {
                for (var i = 0; i < 8; i++) crc = Step(crc, bytes[at + i]);
            }

            BitConverter.ToUInt32(written, lane * 4).ShouldBe(crc);
        }
    }

    [Fact]
    public void Parts_summed_one_by_one_equal_the_whole_with_its_fill()
    {
        var bytes = new byte[1000];
        new Random(8).NextBytes(bytes);
        var parts = new SectionChecksum();
        parts.Add(bytes.AsSpan(0, 130));
        parts.Add(bytes.AsSpan(130));
        var whole = new SectionChecksum();
        whole.Add([.. bytes[..130], .. new byte[62], .. bytes[130..], .. new byte[26]]);
        var written = new byte[SectionChecksum.SizeBytes];
        whole.Write(written);
        parts.Matches(written).ShouldBeTrue();
        written[3] ^= 1;
        parts.Matches(written).ShouldBeFalse();
    }

    private static uint Step(uint crc, byte value)
    {
        crc ^= value;
        for (var bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78u : 0);
        return crc;
    }
}
