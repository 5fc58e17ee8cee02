using Stoker.Engine.Sampling;

namespace Stoker.Engine.Tests.Sampling;

public sealed class PhiloxTests
{
    /// <summary>The known answers that its authors publish for ten rounds.</summary>
    [Fact]
    public void Known_answers_come_out()
    {
        Philox.Block(0, 0, 0, 0, 0, 0).ShouldBe((0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u));
        const uint Ones = uint.MaxValue;
        Philox.Block(Ones, Ones, Ones, Ones, Ones, Ones).ShouldBe((0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu));
        Philox.Block(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0)
            .ShouldBe((0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u));
    }

    [Fact]
    public void Seed_choice_and_position_each_give_another_number()
    {
        var numbers = new HashSet<double>();
        foreach (var seed in new[] { 0L, 1L, -1L, 1L << 32 })
        {
            for (var choice = 0; choice < 4; choice++)
            {
                for (var position = 0; position < 50; position++) numbers.Add(Philox.Uniform(seed, choice, position));
            }
        }
        numbers.Count.ShouldBe(4 * 4 * 50);
    }

    [Fact]
    public void Numbers_are_uniform()
    {
        const int Draws = 20_000, Bins = 20;
        var counts = new int[Bins];
        for (var position = 0; position < Draws; position++) counts[(int)(Philox.Uniform(7, 0, position) * Bins)]++;
        var expected = (double)Draws / Bins;
        var chiSquare = counts.Sum(count => (count - expected) * (count - expected) / expected);
        chiSquare.ShouldBeLessThan(43.8); // 19 degrees of freedom, one chance in a thousand; the draws are fixed
    }
}
