namespace Stoker.Engine.Addons;

/// <summary>A registered addon; everything that changes is the store's, under its lock.</summary>
/// <param name="version">Of this registration; names its keys and values in the prefix cache.</param>
internal sealed class AddonEntry(LoadedAddon addon, string folder, ulong version)
{
    public const int NoSlot = -1;

    private const int MostFolders = 64; // of one content; the oldest is forgotten, so that loading again and again takes no memory

    public LoadedAddon Addon { get; } = addon;

    /// <summary>
    /// Where it may be read again, the newest first: what was loaded from several folders outlives each of them. The list is never
    /// changed, so that it may be read outside of the lock.
    /// </summary>
    public IReadOnlyList<string> Folders { get; private set; } = [folder];

    public ulong Version { get; } = version;

    /// <summary>In memory, for the kernels; <see cref="NoSlot"/> while it is not.</summary>
    public int Slot { get; set; } = NoSlot;

    /// <summary>In the pool; meaningless without a slot.</summary>
    public long Start { get; set; }

    /// <summary>Requests that name it.</summary>
    public int Requests { get; set; }

    /// <summary>Of those, ones that keep it in memory.</summary>
    public int Pins { get; set; }

    /// <summary>Loaded and not pinned since.</summary>
    public bool IsFresh { get; set; }

    /// <summary>A request has computed with it since it was registered.</summary>
    public bool WasUsed { get; set; }

    /// <summary>
    /// Whether another addon may take its place: nobody uses it, and whom it was loaded for has had it. Else two that wait for the
    /// one place there is would drive each other out before either is used.
    /// </summary>
    public bool MayGo => Pins == 0 && (!IsFresh || Requests == 0);

    /// <summary>The store's clock when it was last let go of or loaded.</summary>
    public long LastUse { get; set; }

    /// <summary>No new request gets a pin: another addon has waited too long.</summary>
    public bool IsDraining { get; set; }

    /// <summary>A timestamp since when it is waited for, or loaded; null while neither.</summary>
    public long? WantedSince { get; set; }

    /// <summary>Taken out of the register; it goes with its last request.</summary>
    public bool IsRemoved { get; set; }

    /// <summary>Why it could not be brought into memory, until a new request asks for it.</summary>
    public EngineFaultException? Failure { get; set; }

    public void AddFolder(string folder) => Folders = [folder, .. Folders.Where(other => other != folder).Take(MostFolders - 1)];
}

/// <summary>One request's hold on its addon: first on the registration, then also on its place in memory.</summary>
internal sealed class AddonUse(AddonStore store, AddonEntry entry)
{
    private bool _released;

    public ulong Version => entry.Version;

    /// <summary>Whether it keeps the addon in memory; the loop's.</summary>
    public bool IsPinned { get; set; }

    /// <summary>What rows of a step name; only while it is pinned.</summary>
    public int Slot => entry.Slot;

    public AddonEntry Entry => entry;

    public EngineFaultException? Failure => store.FailureOf(entry);

    /// <summary>Takes the pin if the addon is in memory, else sees that it gets there.</summary>
    public bool TryPin() => IsPinned || store.TryPin(this);

    /// <summary>Once is enough; more does nothing.</summary>
    public void Release()
    {
        if (_released) return;
        _released = true;
        store.Release(this);
    }
}
