using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.Sampling;

namespace Stoker.Engine.Tests.Sampling;

public sealed class CandidateHeapTests
{
    [Fact]
    public void It_gives_the_sorted_order() => Prop.ForAll<sbyte[]>(values =>
    {
        // Few distinct values, so that ties are frequent.
        float[] logits = [.. values.Select(value => value % 5 == 4 ? float.NegativeInfinity : value % 5)];
        var heap = new CandidateHeap(logits.Length);
        heap.Fill(logits, new float[logits.Length]);
        var taken = new List<int>();
        while (heap.Count > 0) taken.Add(heap.Take());
        var expected = Enumerable.Range(0, logits.Length).Where(id => logits[id] > float.NegativeInfinity)
            .OrderByDescending(id => logits[id]).ThenBy(id => id);
        return taken.SequenceEqual(expected);
    }).QuickCheckThrowOnFailure();
}
