using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.Sampling;

namespace Stoker.Engine.Tests.Sampling;

public sealed class RowMathTests
{
    [Fact]
    public void The_highest_is_the_first_of_the_highest() => Prop.ForAll<int>(seed =>
    {
        var row = Row(new(seed), 1 + (Math.Abs(seed) % 300), few: true);
        var expected = -1;
        for (var id = 0; id < row.Length; id++)
        {
            if (row[id] > float.NegativeInfinity && (expected < 0 || row[id] > row[expected])) expected = id;
        }
        return RowMath.Highest(row) == expected;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_row_of_what_never_comes_has_no_highest()
    {
        RowMath.Highest([float.NaN, float.NegativeInfinity]).ShouldBe(-1);
        RowMath.Highest([.. Enumerable.Repeat(float.NaN, 200)]).ShouldBe(-1);
        RowMath.Highest([]).ShouldBe(-1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(0.05)]
    [InlineData(1.7)]
    public void Weights_are_those_of_the_plain_formula(double temperature)
    {
        for (var length = 1; length < 70; length++)
        {
            var row = Row(new(length), length, few: false);
            var weights = new double[length];
            RowMath.Weigh(row, 3, temperature, weights);
            for (var id = 0; id < length; id++)
            {
                var plain = row[id] > float.NegativeInfinity ? Math.Exp(((double)row[id] - 3) / temperature) : 0;
                weights[id].ShouldBe(plain, Math.Max(plain * 1e-14, 1e-300), $"id {id} of {length}");
            }
        }
    }

    [Fact]
    public void A_weight_does_not_depend_on_its_place()
    {
        var row = Row(new(5), 100, few: false);
        var (all, one) = (new double[100], new double[1]);
        RowMath.Weigh(row, 2, 0.7, all);
        for (var id = 0; id < row.Length; id++)
        {
            RowMath.Weigh(row.AsSpan(id, 1), 2, 0.7, one);
            one[0].ShouldBe(all[id]);
        }
    }

    [Fact]
    public void The_total_is_the_sum_of_all_weights()
    {
        foreach (var length in new[] { 1, 511, 512, 513, 5000 })
        {
            var row = Row(new(length), length, few: false);
            var plain = row.Where(logit => logit > float.NegativeInfinity).Sum(logit => Math.Exp((double)logit - 15));
            RowMath.TotalWeight(row, 15, 1).ShouldBe(plain, plain * 1e-12);
        }
    }

    [Fact]
    public void Weights_below_the_least_are_dropped()
    {
        double[] weights = [.. Enumerable.Range(0, 21).Select(index => index / 20.0)];
        RowMath.DropBelow(weights, 0.5);
        weights.ShouldBe(Enumerable.Range(0, 21).Select(index => index < 10 ? 0 : index / 20.0));
    }

    private static float[] Row(Random random, int length, bool few)
    {
        var row = new float[length];
        for (var id = 0; id < length; id++)
        {
            row[id] = random.Next(12) switch
            {
                0 => float.NegativeInfinity,
                1 => float.NaN,
                2 => -0f,
                _ => few ? random.Next(-2, 3) : (float)(random.NextDouble() - 0.5) * 30,
            };
        }
        return row;
    }
}
