using Stoker.Engine.Models;

namespace Stoker.Engine.Addons;

// How addons come into memory and leave it.
internal sealed partial class AddonStore
{
    // Once for every waiting sequence and step: the common case must cost nothing.
    private void Want_NeedsLock(AddonEntry entry)
    {
        if (entry.WantedSince is null)
        {
            entry.WantedSince = _time.GetTimestamp();
            _wanted.Add(entry);
            StartLoading_NeedsLock();
        }
        else if (!_isLoading && _lookedAt != _clock && _wanted.Count > 0 && _wanted[0] == entry && IsOverdue(entry))
        {
            _lookedAt = _clock; // until something has changed there is nothing to see again
            MakeRoom_NeedsLock(entry);
        }
    }

    private bool IsOverdue(AddonEntry entry) => entry.WantedSince is { } since && _time.GetElapsedTime(since) > Patience;

    /// <summary>
    /// Addons that were let go of longest ago take no new requests, as many as it takes until what is left has room for this one: a
    /// large one may need the places of several small ones.
    /// </summary>
    private void MakeRoom_NeedsLock(AddonEntry entry)
    {
        _left.Clear();
        foreach (var other in _loaded)
        {
            if (other is { MayGo: false, IsDraining: false }) _left.Add(other.Start);
        }

        while ((_left.Count == _loaded.Length || !_pool.WouldFit(entry.Addon.Bytes, _left)) && OldestInUse_NeedsLock() is { } victim)
        {
            victim.IsDraining = true;
            _left.Remove(victim.Start);
        }
    }

    // Not one that was loaded and has served nobody yet: it would wait for its first request, and that for it.
    private AddonEntry? OldestInUse_NeedsLock()
    {
        AddonEntry? oldest = null;
        foreach (var entry in _loaded)
        {
            if (entry is { Pins: > 0, IsDraining: false } && (oldest is null || entry.LastUse < oldest.LastUse)) oldest = entry;
        }

        return oldest;
    }

    private void StartLoading_NeedsLock()
    {
        if (_isLoading || !TryNext_NeedsLock(out var entry, out var slot)) return;
        _isLoading = true;
        _ = Task.Run(() => Load(entry, slot)); // ends in Fill or Fail, whatever happens
    }

    /// <summary>The first that is wanted and fits; behind one that has waited too long nobody passes, else it would wait for ever.</summary>
    private bool TryNext_NeedsLock(out AddonEntry entry, out int slot)
    {
        DropDone_NeedsLock();
        var tooLarge = long.MaxValue; // bytes for which there is no room
        for (var index = 0; index < _wanted.Count; index++)
        {
            entry = _wanted[index];
            if (entry.Requests == 0 || entry.Slot != AddonEntry.NoSlot || entry.Addon.Bytes >= tooLarge) continue;
            if (TryReserve_NeedsLock(entry, isWanted: true) is { } free)
            {
                slot = free;
                _wanted.RemoveAt(index); // and still wanted, until it is there
                _clock++;
                return true;
            }

            if (IsOverdue(_wanted[0])) break;
            tooLarge = entry.Addon.Bytes;
        }

        (entry, slot) = (null!, AddonEntry.NoSlot);
        return false;
    }

    /// <summary>
    /// The first in line no longer waits if its requests were cancelled, or if it is in memory and took no more of them: then nobody
    /// older waits for its place, and it is its turn to keep it.
    /// </summary>
    private void DropDone_NeedsLock()
    {
        while (_wanted.Count > 0 && _wanted[0] is var first && (first.Requests == 0 || first.Slot != AddonEntry.NoSlot))
        {
            _wanted.RemoveAt(0);
            _clock++;
            (first.WantedSince, first.IsDraining, first.IsFresh) = (null, false, true);
            Changed?.Invoke();
        }
    }

    /// <summary>A slot and memory, for which others that nobody uses may have to go; null: those in use leave no room.</summary>
    /// <param name="isWanted">By a request; else those that requests have used stay.</param>
    private int? TryReserve_NeedsLock(AddonEntry entry, bool isWanted)
    {
        _left.Clear();
        foreach (var other in _loaded)
        {
            if (other is not null && !MakesWay(other, isWanted)) _left.Add(other.Start);
        }

        if (_left.Count == _loaded.Length || !_pool.WouldFit(entry.Addon.Bytes, _left)) return null;
        while (true)
        {
            var slot = Array.IndexOf(_taken, false);
            if (slot >= 0 && _pool.TryTake(entry.Addon.Bytes) is { } start)
            {
                _taken[slot] = true;
                entry.Start = start;
                return slot;
            }

            Evict_NeedsLock(OldestToGo_NeedsLock(isWanted));
            _evictions++;
        }
    }

    private static bool MakesWay(AddonEntry entry, bool isWanted) => entry.MayGo && (isWanted || !entry.WasUsed);

    private AddonEntry OldestToGo_NeedsLock(bool isWanted)
    {
        AddonEntry? oldest = null;
        foreach (var entry in _loaded)
        {
            if (entry is not null && MakesWay(entry, isWanted) && (oldest is null || entry.LastUse < oldest.LastUse)) oldest = entry;
        }

        return oldest ?? throw new InvalidOperationException("The pool of addons has room by its own count, and nothing is left that may go.");
    }

    private void Evict_NeedsLock(AddonEntry entry)
    {
        _slots.Set(entry.Slot, null);
        (_loaded[entry.Slot], _taken[entry.Slot]) = (null, false);
        _pool.Free(entry.Start);
        (entry.Slot, entry.IsDraining) = (AddonEntry.NoSlot, false);
    }

    private void DropIfUnused_NeedsLock(AddonEntry entry)
    {
        if (entry is { IsRemoved: true, Requests: 0, Slot: not AddonEntry.NoSlot }) Evict_NeedsLock(entry);
    }

    /// <summary>
    /// On a thread of its own: reads the files again, from the first of its folders that still holds them; none: the newest one's error
    /// counts.
    /// </summary>
    private void Load(AddonEntry entry, int slot)
    {
        ModelLoadException? first = null;
        try
        {
            foreach (var folder in entry.Folders)
            {
                try
                {
                    LoadFrom(folder, entry, slot);
                    return;
                }
                catch (ModelLoadException error)
                {
                    first ??= error;
                }
            }

            Fail(entry, slot, first!);
        }
        catch (Exception error)
        {
            Fail(entry, slot, error);
        }
    }

    private void LoadFrom(string folder, AddonEntry entry, int slot)
    {
        using var file = AddonFile.Open(folder, _spec, _options.MaxRank);
        if (AddonPacker.SizeOf(file.Modules) != entry.Addon.Bytes) throw NotWhatItWas();
        Fill(entry, slot, pack => file.Digest(pack) == entry.Addon.Digest);
    }

    private void FillNew(AddonEntry entry, int slot, AddonFile file)
    {
        try
        {
            Fill(entry, slot, pack => // whose digest was taken a moment ago
            {
                file.Read(pack);
                return file.IsUntouched;
            });
        }
        catch (Exception error)
        {
            Fail(entry, slot, error);
            Unregister(entry.Addon.Digest);
            throw;
        }
    }

    private static ModelLoadException NotWhatItWas() =>
        new(PeftAddon.WeightsFile, null, "is not what it was when the addon was loaded; load it again");

    /// <summary>Packs into the reserved memory and lets requests have it.</summary>
    /// <param name="read">Hands over all modules. False: they are not those that were registered.</param>
    private unsafe void Fill(AddonEntry entry, int slot, Func<Action<AddonModule>, bool> read)
    {
        ResidentAddon resident;
        lock (_filling)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            var packer = new AddonPacker(_spec.Layers.Count, _pool.At(entry.Start));
            resident = read(packer.Add) ? packer.Finish() : throw NotWhatItWas();
        }

        lock (_lock)
        {
            _slots.Set(slot, resident);
            (_loaded[slot], entry.Slot, entry.LastUse, _isLoading) = (entry, slot, ++_clock, false);
            (entry.WantedSince, entry.IsFresh) = (null, true);
            _loads++;
            DropIfUnused_NeedsLock(entry); // it was taken out meanwhile
            StartLoading_NeedsLock();
        }

        Changed?.Invoke();
    }

    /// <summary>For whoever asked with the addon, who is not to learn where its files lie.</summary>
    private static string ReasonOf(Exception error) =>
        error is not ModelLoadException refused ? error.GetType().Name
        : Path.IsPathFullyQualified(refused.File) ? refused.Reason
        : $"{refused.File} {refused.Reason}";

    private void Fail(AddonEntry entry, int slot, Exception error)
    {
        lock (_lock)
        {
            _pool.Free(entry.Start);
            (_taken[slot], _isLoading, entry.WantedSince) = (false, false, null);
            _failures++;
            entry.Failure = new EngineFaultException($"The addon could not be brought into memory: {ReasonOf(error)}.", error);
            Interlocked.Exchange(ref _hasFailures, 1);
            StartLoading_NeedsLock();
        }

        Changed?.Invoke();
    }
}
