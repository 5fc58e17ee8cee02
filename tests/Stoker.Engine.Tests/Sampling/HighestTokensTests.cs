using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.Sampling;

namespace Stoker.Engine.Tests.Sampling;

public sealed class HighestTokensTests
{
    [Fact]
    public void They_are_the_beginning_of_the_sorted_order() => Prop.ForAll<int, PositiveInt, bool>((seed, k, ties) =>
    {
        var random = new Random(seed);
        var logits = Row(random, length: 1 + random.Next(3000), ties);
        var count = 1 + (k.Get * 17 % (logits.Length + 3)); // also more than there are
        return Taken(logits, count).SequenceEqual(Sorted(logits).Take(count));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Those_above_a_bound_come_in_the_same_order() => Prop.ForAll<int, bool>((seed, ties) =>
    {
        var random = new Random(seed);
        var logits = Row(random, length: 1 + random.Next(6000), ties); // more than sorting by comparison is used for
        var bound = logits[random.Next(logits.Length)];
        var scratch = new SamplingScratch(logits.Length);
        var found = HighestTokens.TakeAbove(logits, bound, scratch);
        return scratch.Keys.Take(found).Select(HighestTokens.Id).SequenceEqual(Sorted(logits).Where(id => logits[id] > bound));
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Rows_in_order_are_no_worse_than_others(bool rising)
    {
        float[] logits = [.. Enumerable.Range(0, 20_000).Select(index => rising ? index : (float)-index)];
        Taken(logits, 700).ShouldBe(Enumerable.Range(0, 700).Select(index => rising ? 19_999 - index : index));
    }

    [Fact]
    public void Zeros_of_either_sign_are_equal() => Taken([-0f, 1, 0f, -0f, -1], 4).ShouldBe([1, 0, 2, 3]);

    [Fact]
    public void Infinity_is_the_highest_and_what_never_comes_is_left_out() =>
        Taken([float.NaN, float.MinValue, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue], 5).ShouldBe([2, 4, 1]);

    private static List<int> Taken(float[] logits, int count)
    {
        var scratch = new SamplingScratch(logits.Length);
        var found = HighestTokens.Take(logits, count, scratch);
        return [.. scratch.Keys.Take(found).Select(HighestTokens.Id)];
    }

    private static IEnumerable<int> Sorted(float[] logits) => Enumerable.Range(0, logits.Length)
        .Where(id => logits[id] > float.NegativeInfinity).OrderByDescending(id => logits[id]).ThenBy(id => id);

    private static float[] Row(Random random, int length, bool ties)
    {
        var logits = new float[length];
        for (var id = 0; id < length; id++)
        {
            logits[id] = random.Next(20) switch
            {
                0 => float.NegativeInfinity,
                1 => float.NaN,
                _ => ties ? random.Next(-3, 4) : (float)((random.NextDouble() - 0.5) * 30),
            };
        }
        return logits;
    }
}
