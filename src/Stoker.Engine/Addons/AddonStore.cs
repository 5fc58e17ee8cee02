using Stoker.Engine.Models;

namespace Stoker.Engine.Addons;

/// <summary>
/// The addons of one engine: registered by digest, in memory as far as the pool holds them, those in use pinned.
/// </summary>
/// <remarks>
/// | state      | event                                | next                                             |
/// | ---------- | ------------------------------------ | ------------------------------------------------ |
/// | registered | a request's turn comes               | wanted                                           |
/// | wanted     | a slot and a gap are there           | loading, on a thread of its own                  |
/// | loading    | packed, and still what was registered | loaded                                           |
/// | loading    | its files cannot be used any more    | registered; the requests that wait for it fail   |
/// | loaded     | another is wanted, nobody uses it    | registered (least recently used first)           |
/// The oldest that is wanted comes first. One that fits passes an older one that does not, until that has waited too long; then those
/// in use take no new requests, as many of them as it takes, and nobody passes.
/// Requests that wait for an addon are passed over and hold nobody up. Thread-safe; nothing slow happens under the lock.
/// </remarks>
internal sealed partial class AddonStore : IDisposable
{
    /// <summary>How long an addon may wait for others' requests to end before one of them takes no new requests any more.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly DecoderSpec _spec;
    private readonly AddonSlots _slots;
    private readonly AddonOptions _options;
    private readonly TimeProvider _time;
    private readonly AddonPool _pool;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, AddonEntry> _entries = new(StringComparer.Ordinal); // under the lock
    private readonly AddonEntry?[] _loaded; // by slot, under the lock
    private readonly bool[] _taken; // slots that are loaded or being loaded, under the lock
    private readonly List<AddonEntry> _wanted = []; // the oldest first, under the lock
    private readonly HashSet<long> _left = []; // starts of what stays in the pool while room is sought, under the lock
    private readonly Lock _filling = new(); // while memory of the pool is written
    private bool _isLoading; // under the lock
    private bool _isDisposed; // under the filling lock
    private int _hasFailures;
    private ulong _lastVersion; // under the lock
    private long _clock; // counts what happens, under the lock
    private long _lookedAt = -1; // the clock when room was last sought for the first in line, under the lock
    private long _loads, _evictions, _failures; // under the lock

    public AddonStore(DecoderSpec spec, AddonSlots slots, AddonOptions options, TimeProvider time)
    {
        (_spec, _slots, _options, _time) = (spec, slots, options, time);
        _pool = new(PoolBytes(spec, options));
        (_loaded, _taken) = (new AddonEntry?[slots.Count], new bool[slots.Count]);
    }

    /// <summary>
    /// Called from any thread when an addon came into memory, or could not. Sometimes under the lock: it must not come back here.
    /// </summary>
    public Action? Changed { get; set; }

    public AddonStatistics Statistics
    {
        get
        {
            lock (_lock)
            {
                return new()
                {
                    Registered = _entries.Count,
                    Loaded = _loaded.Count(entry => entry is not null),
                    MaxLoaded = _loaded.Length,
                    PoolBytes = _pool.Bytes,
                    UsedBytes = _pool.UsedBytes,
                    Loads = _loads,
                    Evictions = _evictions,
                    Failures = _failures,
                };
            }
        }
    }

    /// <summary>Takes the pool's memory, once all of the engine's is planned; before the first addon.</summary>
    /// <exception cref="OutOfMemoryException">The system refuses it.</exception>
    public void Allocate() => _pool.Allocate();

    /// <summary>What the options ask for.</summary>
    private static long PoolBytes(DecoderSpec spec, AddonOptions options) => options.PoolBytes
        ?? Math.Max(options.MaxLoaded * AddonPacker.LargestOf(spec, Math.Min(16, options.MaxRank)), AddonPacker.LargestOf(spec, options.MaxRank));

    /// <summary>Reads an addon's files, holds them against the base, registers it and brings it into memory if there is room.</summary>
    /// <remarks>None that requests have used makes room for it: a thousand that are registered must not drive out the few that work.</remarks>
    /// <exception cref="ModelLoadException">The files cannot be used with this model.</exception>
    /// <exception cref="InvalidOperationException">Too many are registered, or the pool is too small for it.</exception>
    public LoadedAddon Register(string folder)
    {
        using var file = AddonFile.Open(folder, _spec, _options.MaxRank);
        var bytes = AddonPacker.SizeOf(file.Modules);
        if (bytes > _pool.Bytes)
        {
            throw new InvalidOperationException(
                $"The addon takes {bytes} bytes and the pool for addons has {_pool.Bytes}; state a larger {nameof(AddonOptions.PoolBytes)}.");
        }

        var addon = new LoadedAddon(
            file.Digest(), file.Rank, [.. file.Modules.Select(module => module.Path[(module.Path.LastIndexOf('.') + 1)..]).Distinct().Order(StringComparer.Ordinal)],
            bytes);
        AddonEntry entry;
        int? slot;
        lock (_lock)
        {
            if (_entries.TryGetValue(addon.Digest, out var known))
            {
                known.AddFolder(Path.GetFullPath(folder)); // where it was read before may be gone
                return known.Addon;
            }

            if (_entries.Count >= _options.MaxRegistered)
            {
                throw new InvalidOperationException(
                    $"{_entries.Count} addons are registered, which is the limit ({nameof(AddonOptions.MaxRegistered)}); unload one first.");
            }

            entry = new(addon, Path.GetFullPath(folder), ++_lastVersion);
            _entries.Add(addon.Digest, entry);
            slot = _isLoading || _wanted.Count > 0 ? null : TryReserve_NeedsLock(entry, isWanted: false); // requests that wait come first
            if (slot is not null) (_isLoading, entry.WantedSince) = (true, _time.GetTimestamp());
        }

        if (slot is not null) FillNew(entry, slot.Value, file);
        return addon;
    }

    /// <summary>No request may name it any more; those that do go on. False: it was not registered.</summary>
    public bool Unregister(string digest)
    {
        lock (_lock)
        {
            if (!_entries.Remove(digest, out var entry)) return false;
            entry.IsRemoved = true;
            DropIfUnused_NeedsLock(entry);
            StartLoading_NeedsLock();
            return true;
        }
    }

    /// <summary>Thousands may be registered and the loop wants the lock in each step: under it figures are copied, no more.</summary>
    public IReadOnlyList<AddonState> List()
    {
        (AddonEntry Entry, bool IsLoaded, int Requests, int Pins)[] states;
        lock (_lock)
        {
            states = new (AddonEntry, bool, int, int)[_entries.Count];
            var index = 0;
            foreach (var entry in _entries.Values) states[index++] = (entry, entry.Slot != AddonEntry.NoSlot, entry.Requests, entry.Pins);
        }

        return Array.ConvertAll(states, state => new AddonState(state.Entry.Addon, state.IsLoaded, state.Requests, state.Pins));
    }

    /// <summary>A request's hold on an addon; null: none of this digest is registered.</summary>
    public AddonUse? TryUse(string digest)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(digest, out var entry)) return null;
            entry.Requests++;
            entry.Failure = null; // it may work now
            return new(this, entry);
        }
    }

    /// <summary>True once after an addon could not be brought into memory: requests may wait for it in vain.</summary>
    public bool TakeFailures() => Interlocked.Exchange(ref _hasFailures, 0) != 0;

    public EngineFaultException? FailureOf(AddonEntry entry)
    {
        lock (_lock) return entry.Failure;
    }

    public bool TryPin(AddonUse use)
    {
        lock (_lock)
        {
            var entry = use.Entry;
            if (entry.Slot != AddonEntry.NoSlot && !entry.IsDraining)
            {
                entry.Pins++;
                (entry.IsFresh, entry.WasUsed) = (false, true);
                _clock++;
                return use.IsPinned = true;
            }

            if (entry.Failure is null) Want_NeedsLock(entry);
            return false;
        }
    }

    public void Release(AddonUse use)
    {
        lock (_lock)
        {
            var entry = use.Entry;
            entry.Requests--;
            _clock++;
            if (use.IsPinned)
            {
                entry.Pins--;
                entry.LastUse = _clock;
            }

            DropIfUnused_NeedsLock(entry);
            StartLoading_NeedsLock();
        }
    }

    /// <summary>Nobody computes any more; waits for a load in progress.</summary>
    public void Dispose()
    {
        lock (_filling)
        {
            _isDisposed = true;
            _pool.Dispose();
        }
    }
}
