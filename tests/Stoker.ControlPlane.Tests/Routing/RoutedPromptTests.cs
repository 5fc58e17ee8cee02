using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Tests.Routing;

public class RoutedPromptTests
{
    [Fact]
    public void Prompts_share_the_blocks_that_they_begin_with_and_no_other() =>
        Prop.ForAll(Gen.Choose(0, 40_000).Zip(Gen.Choose(1, 20_000)).Zip(Gen.Choose(1, 20_000)).ToArbitrary(), drawn =>
        {
            var ((common, left), right) = drawn;
            // They differ at the first byte after the common ones, and are equal again behind it.
            using var one = RoutedPrompt.Of(Encoding.ASCII.GetBytes(new string('a', common) + "x" + new string('c', left)), root: 7);
            using var other = RoutedPrompt.Of(Encoding.ASCII.GetBytes(new string('a', common) + "y" + new string('c', right)), root: 7);
            return Shared(one, other) == PromptBlocks.CountIn(common) && one.Bytes == common + 1 + left && one.Count == PromptBlocks.CountIn(one.Bytes);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Under_another_root_nothing_is_shared()
    {
        var text = Encoding.ASCII.GetBytes(new string('a', 5_000));
        using var one = RoutedPrompt.Of(text, root: 1);
        using var other = RoutedPrompt.Of(text, root: 2);

        (one.Count, one.Keys.IndexOfAny(other.Keys)).ShouldBe((9, -1));
    }

    [Fact]
    public void Equal_blocks_in_other_places_are_different()
    {
        using var prompt = RoutedPrompt.Of(Encoding.ASCII.GetBytes(new string('a', 100_000)), root: 1);

        prompt.Keys.ToArray().ShouldBeUnique();
    }

    [Fact]
    public void The_pieces_of_a_trace_share_what_their_beginnings_do()
    {
        const int Piece = 2048; // four blocks
        using var one = RoutedPrompt.Of([1, 2, 3, 4], Piece, 4 * Piece);
        using var other = RoutedPrompt.Of([1, 2, 9, 4], Piece, 4 * Piece);
        using var longer = RoutedPrompt.Of([1, 2, 3, 4], Piece, 9 * Piece);

        Shared(one, other).ShouldBe(8);
        Shared(one, longer).ShouldBe(16);
        (longer.Count, longer.Bytes).ShouldBe((16, 9 * Piece)); // what stands behind the pieces is nobody else's
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(33)]
    [InlineData(512)]
    public void Every_bit_counts(int length)
    {
        var text = new byte[length];
        HashSet<ulong> seen = [PromptHash.Of(text, 1), PromptHash.Of(text, 2), PromptHash.Of(new byte[length + 1], 1)];
        for (var bit = 0; bit < length * 8; bit++)
        {
            text[bit / 8] ^= (byte)(1 << (bit % 8));
            seen.Add(PromptHash.Of(text, 1)).ShouldBeTrue();
            text[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        seen.Count.ShouldBe(3 + (length * 8));
    }

    private static int Shared(RoutedPrompt one, RoutedPrompt other) => one.Keys.CommonPrefixLength(other.Keys);
}
