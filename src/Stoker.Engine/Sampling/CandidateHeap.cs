namespace Stoker.Engine.Sampling;

/// <summary>
/// Token ids in falling order of logit, lower id first on ties, taken one by one: the order costs only as far as it is
/// used.
/// </summary>
/// <remarks>
/// A binary heap over reused memory. Building it is linear in the vocabulary, each token taken logarithmic.
/// </remarks>
internal sealed class CandidateHeap(int vocabularySize)
{
    private readonly int[] _ids = new int[vocabularySize];
    private float[] _logits = [];

    public int Count { get; private set; }

    /// <summary>Takes in every token that can be drawn at all: -inf (masked) and NaN stay out.</summary>
    /// <param name="scratch">Holds the logits while the heap is used; at least as long as they are.</param>
    public void Fill(ReadOnlySpan<float> logits, float[] scratch)
    {
        logits.CopyTo(scratch);
        (_logits, Count) = (scratch, 0);
        for (var id = 0; id < logits.Length; id++)
        {
            if (logits[id] > float.NegativeInfinity) _ids[Count++] = id;
        }
        for (var index = (Count / 2) - 1; index >= 0; index--) SiftDown(index);
    }

    public int Take()
    {
        var top = _ids[0];
        _ids[0] = _ids[--Count];
        SiftDown(0);
        return top;
    }

    private void SiftDown(int index)
    {
        var id = _ids[index];
        while ((2 * index) + 1 < Count)
        {
            var child = (2 * index) + 1;
            if (child + 1 < Count && Before(_ids[child + 1], _ids[child])) child++;
            if (!Before(_ids[child], id)) break;
            _ids[index] = _ids[child];
            index = child;
        }
        if (index < _ids.Length) _ids[index] = id;
    }

    private bool Before(int a, int b) => _logits[a] > _logits[b] || (_logits[a] == _logits[b] && a < b);
}
