namespace Stoker.Engine.Speculation;

/// <summary>Microseconds of a pass by its rows, as measured: of the target's steps that hold decodes and drafts alone, or of a drafter.</summary>
/// <remarks>
/// A table and no formula, because cost goes by tiles of the matrix kernels: from 8 rows to 9 it jumps. Between two sizes that
/// were seen it is interpolated; beyond them it goes on as it went between the last two. A value follows what
/// is seen slowly, and quickly when it was not looked at for long or is far too high: no lost time slice makes a pass quicker. What takes far longer than
/// the value counts only when the next pass of the size does so too: a size that is held for too dear is not looked at again. Fewer rows never take longer than
/// more: what a machine that became quicker shows of one size corrects those below it, which nobody may look at for long.
/// One thread uses it: the loop.
/// </remarks>
internal sealed class RowCost
{
    private const int Exact = 32; // rows that have an entry each
    private const int Stride = 8; // and those of further ones, up to
    private const int Last = 512;
    private const int Old = 64; // observations
    private const double Rate = 1.0 / 8, OldRate = 1.0 / 2;
    private const double Outlier = 4; // times the value: lost time slices count for no more
    private const double Quicker = 0.8, Slower = 1.5; // of the value: no noise

    private readonly Entry[] _entries = new Entry[Exact + ((Last - Exact) / Stride) + 1];
    private long _observations;

    /// <summary>This size was seen, and not only once: the first time may have been that of cold code.</summary>
    public bool Knows(int rows) => _entries[Index(rows)].IsKnown;

    /// <summary>It was seen in passes that were wanted, at any time.</summary>
    public bool HasSeen(int rows) => _entries[Index(rows)] is { IsKnown: true, IsMadeUp: false };

    /// <summary>The same, and not long ago.</summary>
    public bool SawLately(int rows) => HasSeen(rows) && !IsOld(_entries[Index(rows)]);

    /// <summary>What a pass took that was wanted.</summary>
    public void Observe(int rows, double microseconds)
    {
        if (rows <= 0 || !(microseconds > 0)) return;
        var index = Index(rows);
        ref var entry = ref _entries[index];
        _observations++;
        if (entry.Count < 2)
        {
            // Of the first two the quicker one: an outlier at the beginning would stay for long.
            if (entry.Count++ == 0 || microseconds < entry.Microseconds) (entry.Rows, entry.Microseconds) = (rows, microseconds);
        }
        else if (!Follow(ref entry, rows, microseconds))
        {
            return;
        }

        (entry.SeenAt, entry.IsMadeUp) = (_observations, false);
        if (entry.IsKnown) LowerThoseBelow(index);
    }

    /// <returns>False: it is to be seen once more.</returns>
    private bool Follow(ref Entry entry, int rows, double microseconds)
    {
        var wasDoubtful = entry.IsDoubtful;
        entry.IsDoubtful = microseconds > Slower * entry.Microseconds;
        if (entry.IsDoubtful && !wasDoubtful) return false;
        var rate = entry.IsMadeUp || IsOld(entry) || microseconds < Quicker * entry.Microseconds ? OldRate : Rate;
        entry.Rows += (rows - entry.Rows) * rate;
        entry.Microseconds += (Math.Min(microseconds, Outlier * entry.Microseconds) - entry.Microseconds) * rate;
        return true;
    }

    private bool IsOld(in Entry entry) => _observations - entry.SeenAt > Old;

    private void LowerThoseBelow(int index)
    {
        var most = _entries[index].Microseconds;
        foreach (ref var entry in _entries.AsSpan(0, index)) entry.Microseconds = Math.Min(entry.Microseconds, most);
    }

    /// <summary>What a pass on made-up rows took, which says less than one that was wanted: it counts where there was none lately.</summary>
    public void Calibrate(int rows, double microseconds)
    {
        if (rows <= 0 || !(microseconds > 0) || SawLately(rows)) return;
        var index = Index(rows);
        ref var entry = ref _entries[index];
        // Of passes one after the other the quicker; long after, code is warmer and the machine another.
        if (entry.IsMadeUp && entry.Rows == rows && entry.SeenAt == _observations) microseconds = Math.Min(microseconds, entry.Microseconds);
        entry = new() { Count = 2, Rows = rows, Microseconds = microseconds, SeenAt = _observations, IsMadeUp = true };
        LowerThoseBelow(index);
    }

    /// <summary>0 before any size is known.</summary>
    public double Of(int rows)
    {
        var index = Index(rows);
        if (rows <= Exact && _entries[index].IsKnown) return _entries[index].Microseconds;
        var (below, above) = (Below(index, rows), Above(index, rows));
        if (below < 0) return above == _entries.Length ? 0 : _entries[above].Microseconds;
        ref readonly var low = ref _entries[below];
        if (above == below) return low.Microseconds;
        if (above == _entries.Length) return low.Microseconds + (Slope(below) * (rows - low.Rows));
        ref readonly var high = ref _entries[above];
        return low.Microseconds + ((high.Microseconds - low.Microseconds) * (rows - low.Rows) / (high.Rows - low.Rows));
    }

    /// <summary>
    /// What so many rows will hardly exceed: in between as much as the larger size that was seen, beyond as much as if each row cost what
    /// one did there on the mean. Infinite before any size is known.
    /// </summary>
    public double AtMost(int rows)
    {
        var index = Index(rows);
        if (rows <= Exact && _entries[index].IsKnown) return _entries[index].Microseconds;
        var (below, above) = (Below(index, rows), Above(index, rows));
        if (above < _entries.Length) return Math.Max(_entries[above].Microseconds, Of(rows));
        return below < 0 ? double.PositiveInfinity : _entries[below].Microseconds * Math.Max(rows / _entries[below].Rows, 1);
    }

    /// <summary>Microseconds a row behind the largest size, never more than its rows cost on the mean.</summary>
    private double Slope(int last)
    {
        var before = last - 1;
        while (before >= 0 && !_entries[before].IsKnown) before--;
        if (before < 0) return 0;
        var (low, high) = (_entries[before], _entries[last]);
        return Math.Clamp((high.Microseconds - low.Microseconds) / (high.Rows - low.Rows), 0, high.Microseconds / high.Rows);
    }

    // What shares an entry may be below it or above.
    private int Below(int index, int rows)
    {
        while (index >= 0 && (!_entries[index].IsKnown || _entries[index].Rows > rows)) index--;
        return index;
    }

    private int Above(int index, int rows)
    {
        while (index < _entries.Length && (!_entries[index].IsKnown || _entries[index].Rows < rows)) index++;
        return index;
    }

    private static int Index(int rows) =>
        rows <= Exact ? Math.Max(rows, 1) - 1 : Exact + Math.Min((rows - Exact - 1) / Stride, ((Last - Exact) / Stride));

    private struct Entry
    {
        public int Count;
        public double Rows, Microseconds;
        public long SeenAt;
        public bool IsMadeUp, IsDoubtful;

        public readonly bool IsKnown => Count > 1;
    }
}
