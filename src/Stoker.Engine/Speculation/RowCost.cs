namespace Stoker.Engine.Speculation;

/// <summary>Microseconds of a pass by its rows, as measured: of the target's steps that hold decodes and drafts alone, or of a drafter.</summary>
/// <remarks>
/// A table and no formula, because cost goes by tiles of the matrix kernels: from 8 rows to 9 it jumps. Between two sizes that
/// were seen it is interpolated, beyond them taken as flat: a size that looks cheap is tried, and known from then on. A value follows what
/// is seen slowly, and quickly when it was not looked at for long.
/// One thread uses it: the loop.
/// </remarks>
internal sealed class RowCost
{
    private const int Exact = 32; // rows that have an entry each
    private const int Stride = 8; // and those of further ones, up to
    private const int Last = 512;
    private const int Old = 64; // observations
    private const double Rate = 1.0 / 8, OldRate = 1.0 / 2;
    private const double Outlier = 4; // a lost time slice counts for no more

    private readonly Entry[] _entries = new Entry[Exact + ((Last - Exact) / Stride) + 1];
    private long _observations;

    /// <summary>This size was seen, and not only once: the first time may have been that of cold code.</summary>
    public bool Knows(int rows) => _entries[Index(rows)].IsKnown;

    public void Observe(int rows, double microseconds)
    {
        if (rows <= 0 || !(microseconds > 0)) return;
        ref var entry = ref _entries[Index(rows)];
        _observations++;
        if (entry.Count < 2)
        {
            // Of the first two the quicker one: an outlier at the beginning would stay for long.
            if (entry.Count++ == 0 || microseconds < entry.Microseconds) (entry.Rows, entry.Microseconds) = (rows, microseconds);
        }
        else
        {
            var rate = _observations - entry.SeenAt > Old ? OldRate : Rate;
            entry.Rows += (rows - entry.Rows) * rate;
            entry.Microseconds += (Math.Min(microseconds, Outlier * entry.Microseconds) - entry.Microseconds) * rate;
        }
        entry.SeenAt = _observations;
    }

    /// <summary>0 before any size is known.</summary>
    public double Of(int rows)
    {
        var index = Index(rows);
        if (rows <= Exact && _entries[index].IsKnown) return _entries[index].Microseconds;
        var (below, above) = (index, index); // what shares an entry may be below it or above
        while (below >= 0 && (!_entries[below].IsKnown || _entries[below].Rows > rows)) below--;
        while (above < _entries.Length && (!_entries[above].IsKnown || _entries[above].Rows < rows)) above++;
        if (below < 0) return above == _entries.Length ? 0 : _entries[above].Microseconds;
        if (above == _entries.Length || above == below) return _entries[below].Microseconds;
        var (low, high) = (_entries[below], _entries[above]);
        return low.Microseconds + ((high.Microseconds - low.Microseconds) * (rows - low.Rows) / (high.Rows - low.Rows));
    }

    private static int Index(int rows) =>
        rows <= Exact ? Math.Max(rows, 1) - 1 : Exact + Math.Min((rows - Exact - 1) / Stride, ((Last - Exact) / Stride));

    private struct Entry
    {
        public int Count;
        public double Rows, Microseconds;
        public long SeenAt;

        public readonly bool IsKnown => Count > 1;
    }
}
