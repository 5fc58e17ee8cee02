using Stoker.Engine.Native;

namespace Stoker.Engine.Addons;

/// <summary>The memory that addons lie in: taken once, handed out in pieces of any size, the first gap that is large enough.</summary>
/// <remarks>Planned first: the memory is there from <see cref="Allocate"/> on. The store's lock guards what is handed out; the bytes themselves are written outside of it by whoever holds the piece.</remarks>
internal sealed unsafe class AddonPool(long bytes) : IDisposable
{
    private HugeMemory? _memory;
    private readonly List<(long Start, long Bytes)> _used = []; // by start

    public long Bytes => bytes;

    public long UsedBytes => _used.Sum(piece => piece.Bytes);

    /// <exception cref="OutOfMemoryException">The system refuses it.</exception>
    public void Allocate() => _memory ??= new(bytes);

    public byte* At(long start) => (_memory ?? throw new InvalidOperationException("the pool of addons has no memory yet")).Start + start;

    /// <returns>Where the piece starts; null: no gap is large enough.</returns>
    public long? TryTake(long wanted)
    {
        if (FirstGap(wanted, null, out var index) is not { } start) return null;
        _used.Insert(index, (start, wanted));
        return start;
    }

    public void Free(long start)
    {
        var index = _used.FindIndex(piece => piece.Start == start);
        if (index < 0) throw new InvalidOperationException($"nothing of the addon pool begins at {start}");
        _used.RemoveAt(index);
    }

    /// <summary>Whether a piece would fit if only these were left.</summary>
    public bool WouldFit(long wanted, IReadOnlySet<long> left) => FirstGap(wanted, left, out _) is not null;

    public void Dispose() => _memory?.Dispose();

    /// <param name="left">Starts of the pieces that count; null: all.</param>
    private long? FirstGap(long wanted, IReadOnlySet<long>? left, out int index)
    {
        var start = 0L;
        for (index = 0; index < _used.Count; index++)
        {
            var piece = _used[index];
            if (left is not null && !left.Contains(piece.Start)) continue;
            if (piece.Start - start >= wanted) return start;
            start = piece.Start + piece.Bytes;
        }

        return bytes - start >= wanted ? start : null;
    }
}
