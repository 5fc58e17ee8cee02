namespace Stoker.ControlPlane.Routing;

/// <summary>
/// Where the newest request of each session went. A hint of a client's, so it may be forgotten: of eight sessions that fall together
/// the one that was silent longest.
/// </summary>
/// <remarks>64 bits an entry, 40 of the session and 24 of the replica's number; no locks, as in <see cref="PrefixIndex"/>.</remarks>
internal sealed class SessionTable
{
    private const int Ways = 8;
    private const int Places = 1 << 13; // 64 KiB a deployment that has sessions at all
    private const int NumberBits = 24;
    private const ulong NumberMask = (1UL << NumberBits) - 1;

    private ulong[]? _table;

    /// <returns>A number as <see cref="Note"/> got it, by its low 24 bits; null: not known.</returns>
    public uint? Find(ulong session)
    {
        if (session == 0 || _table is not { } table) return null;
        foreach (ref var place in Bucket(table, session))
        {
            var word = Volatile.Read(ref place);
            if (word != 0 && ((word ^ session) & ~NumberMask) == 0) return (uint)(word & NumberMask);
        }

        return null;
    }

    public void Note(ulong session, uint replica)
    {
        if (session == 0) return;
        var bucket = Bucket(_table ??= new ulong[Places], session);
        var word = (session & ~NumberMask) | (replica & NumberMask);
        foreach (ref var place in bucket) // the newest is first, the others move back up to where it stood
        {
            var before = Volatile.Read(ref place);
            Volatile.Write(ref place, word);
            if (before == 0 || ((before ^ session) & ~NumberMask) == 0) return;
            word = before;
        }
    }

    private static Span<ulong> Bucket(ulong[] table, ulong session) => table.AsSpan((int)(session & ((Places / Ways) - 1)) * Ways, Ways);
}
