using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Tests.Routing;

public class PromptBlocksTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(511, 0)]
    [InlineData(512, 1)]
    [InlineData(1023, 1)]
    [InlineData(16 << 10, 32)]
    [InlineData((18 << 10) - 1, 32)]
    [InlineData(18 << 10, 33)]
    [InlineData(16 << 20, 152)]
    [InlineData(long.MaxValue, 152)]
    public void Only_whole_blocks_count(long bytes, int blocks) => PromptBlocks.CountIn(bytes).ShouldBe(blocks);

    [Fact]
    public void What_the_last_whole_block_leaves_out_is_little_beside_the_prompt()
    {
        var ends = PromptBlocks.Ends;
        for (var block = 1; block < ends.Length; block++)
        {
            var left = ends[block] - 1 - ends[block - 1]; // at the worst length of a prompt
            left.ShouldBeLessThanOrEqualTo(Math.Max(511, ends[block - 1] / 8));
        }

        PromptBlocks.BytesOf(0).ShouldBe(0);
        PromptBlocks.BytesOf(ends.Length).ShouldBe(16 << 20);
    }
}
