using Stoker.Engine.Models;

namespace Stoker.Engine.Tests.Models;

public class RopeTableTests
{
    private static readonly int[] Positions = [0, 1, 63, 64, 65, 99, 65_535, 65_536, 1_000_000, 64];

    [Theory]
    [InlineData(100)]
    [InlineData(1 << 20)]
    public void Every_position_has_the_angles_of_the_formula_within_and_beyond_the_table(int context)
    {
        var frequencies = RopeFrequencies.Create(new RopeParameters { Type = RopeType.Default, MaxPositions = context }, 16, context);
        using var table = new RopeTable(frequencies, context);
        foreach (var position in Positions.Where(position => position < context))
        {
            var (cos, sin, expectedCos, expectedSin) = (new float[8], new float[8], new float[8], new float[8]);
            frequencies.Fill(position, expectedCos, expectedSin);
            table.Read(position, cos, sin);
            cos.ShouldBe(expectedCos, $"cos at {position}");
            sin.ShouldBe(expectedSin, $"sin at {position}");
        }
    }
}
