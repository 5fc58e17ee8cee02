using Stoker.Engine.Kernels;
using Stoker.Engine.Kernels.Emitted;

namespace Stoker.Engine.Tests.Kernels.Emitted;

public class AheadPartTests
{
    private const int Line = 64;

    [Fact]
    public void Tiles_that_share_a_block_fetch_every_line_of_it_and_hardly_one_behind_it()
    {
        foreach (var steps in new[] { 8, 33, 448, 512 })
        {
            for (var sharing = KernelSet.TileTokens + 1; sharing <= 8 * KernelSet.TileTokens; sharing++)
            {
                var block = steps * TileEmitter.StepBytes;
                var fetched = Lines(steps, sharing).ToHashSet();
                Enumerable.Range(block / Line, block / Line).ShouldBeSubsetOf(fetched);
                fetched.Max().ShouldBeLessThanOrEqualTo(((2 * block) + steps) / Line); // a part is rounded up to whole bytes of a step
            }
        }
    }

    [Fact]
    public void A_tile_with_few_tokens_fetches_little()
    {
        AheadPart.Of(512, sharing: 17, left: 1).StepBytes.ShouldBe(8); // a seventeenth of 128
        AheadPart.Of(512, sharing: 17, left: 17).StepBytes.ShouldBe(61);
        AheadPart.Of(512, sharing: 17, left: 1).Start.ShouldBe((2 * 65_536) - (65_536 / 17) - 1);
    }

    [Fact]
    public void The_argument_holds_the_place_the_bytes_and_whether_the_sums_go_on()
    {
        var part = new AheadPart(100_000, 43);
        foreach (var accumulate in new[] { false, true })
        {
            var argument = part.Argument(accumulate);
            (argument >> AheadPart.StartShift).ShouldBe(100_000);
            ((argument >> AheadPart.BytesShift) & AheadPart.BytesMask).ShouldBe(43);
            (argument & 1).ShouldBe(accumulate ? 1 : 0);
        }
    }

    private static IEnumerable<int> Lines(int steps, int sharing)
    {
        for (var left = sharing; left > 0; left -= KernelSet.TileTokens)
        {
            var part = AheadPart.Of(steps, sharing, left);
            for (var step = 0; step < steps; step++) yield return (int)((part.Start + ((long)step * part.StepBytes)) / Line);
        }
    }
}
