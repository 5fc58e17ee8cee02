using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.Tokenization.Bpe;

namespace Stoker.Engine.Tests.Tokenization.Bpe;

public sealed class MergerTests
{
    private const ulong Key = 0x5EED;

    /// <summary>
    /// The rule as it is written: look at all pairs, merge the leftmost of the lowest rank, begin again.
    /// </summary>
    [Fact]
    public void Both_forms_equal_the_plain_rule()
    {
        // Symbols 0 to 3, merges of any two of what there is: ties, chains and merges that undo each other's
        // neighbours.
        var merge = from left in Gen.Choose(0, 9) from right in Gen.Choose(0, 9) select (left, right);
        var cases = from merges in merge.ArrayOf(12) from symbols in Gen.Choose(0, 3).ListOf(80) from length in Gen.Choose(0, 80) select (merges, symbols: symbols.Take(length).ToArray());
        Prop.ForAll(cases.ToArbitrary(), item =>
        {
            var builder = new MergeTable.Builder(item.merges.Length, Key);
            var rules = new Dictionary<(int, int), (int Rank, int Id)>();
            for (var rank = 0; rank < item.merges.Length; rank++)
            {
                builder.Set(item.merges[rank].left, item.merges[rank].right, rank, 4 + rank);
                rules[item.merges[rank]] = (rank, 4 + rank);
            }

            var table = builder.Build();
            var expected = Plain(rules, item.symbols);
            return Run(Merger.MergeByScan, table, item.symbols).SequenceEqual(expected) && Run(Merger.MergeByRank, table, item.symbols).SequenceEqual(expected);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2_000));
    }

    [Fact]
    public void Millions_of_symbols_without_a_space_merge_without_quadratic_time()
    {
        // Doubling merges, 20 levels of them: by the plain rule this would be 10^13 steps.
        const int Count = 3_000_000;
        var builder = new MergeTable.Builder(24, Key);
        for (var level = 0; level < 20; level++) builder.Set(level, level, level, level + 1);
        var merges = builder.Build();
        var scratch = new MergeScratch();
        scratch.Reserve(Count);
        Array.Clear(scratch.Symbols, 0, Count);
        var left = Merger.Merge(merges, scratch, Count);
        scratch.Symbols.AsSpan(0, left).ToArray().Sum(symbol => 1L << symbol).ShouldBe(Count);
        left.ShouldBeLessThan(40);
        scratch.Clear();
        scratch.Symbols.Length.ShouldBeLessThan(1_000); // what was huge is given back
    }

    private static int[] Run(Func<MergeTable, MergeScratch, int, int> merge, MergeTable table, int[] symbols)
    {
        var scratch = new MergeScratch();
        scratch.Reserve(symbols.Length);
        symbols.CopyTo(scratch.Symbols, 0);
        return symbols.Length == 0 ? [] : scratch.Symbols[..merge(table, scratch, symbols.Length)];
    }

    private static List<int> Plain(Dictionary<(int, int), (int Rank, int Id)> rules, int[] symbols)
    {
        var list = symbols.ToList();
        while (true)
        {
            var best = Enumerable.Range(0, Math.Max(0, list.Count - 1)).Where(i => rules.ContainsKey((list[i], list[i + 1])))
                .OrderBy(i => rules[(list[i], list[i + 1])].Rank).ThenBy(i => i).Select(i => (int?)i).FirstOrDefault();
            if (best is not { } at) return list;
            list[at] = rules[(list[at], list[at + 1])].Id;
            list.RemoveAt(at + 1);
        }
    }
}
