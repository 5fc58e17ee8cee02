namespace Stoker.Engine.Tokenization.Bpe;

/// <summary>A binary heap, smallest first, in a list that is reused.</summary>
internal static class RankHeap
{
    public static void Push(List<ulong> heap, ulong value)
    {
        var at = heap.Count;
        heap.Add(value);
        while (at > 0 && heap[(at - 1) >> 1] > value)
        {
            heap[at] = heap[(at - 1) >> 1];
            at = (at - 1) >> 1;
        }

        heap[at] = value;
    }

    public static ulong Pop(List<ulong> heap)
    {
        var top = heap[0];
        var value = heap[^1];
        heap.RemoveAt(heap.Count - 1);
        if (heap.Count == 0) return top;
        var at = 0;
        while (true)
        {
            var child = (2 * at) + 1;
            if (child >= heap.Count) break;
            if (child + 1 < heap.Count && heap[child + 1] < heap[child]) child++;
            if (heap[child] >= value) break;
            heap[at] = heap[child];
            at = child;
        }

        heap[at] = value;
        return top;
    }
}
