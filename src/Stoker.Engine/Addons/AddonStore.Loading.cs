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
            _wanted.Enqueue(entry);
            StartLoading_NeedsLock();
        }
        else if (!_isLoading && _wanted.TryPeek(out var first) && first == entry && _time.GetElapsedTime(entry.WantedSince.Value) > Patience)
        {
            DrainOne_NeedsLock();
        }
    }

    /// <summary>The loaded addon that was let go of longest ago takes no new requests, so that its place becomes free.</summary>
    private void DrainOne_NeedsLock()
    {
        if (_loaded.Any(entry => entry is { IsDraining: true })) return;
        if (_loaded.Where(entry => entry is { Pins: > 0 }).MinBy(entry => entry!.LastUse) is { } victim) victim.IsDraining = true;
    }

    private void StartLoading_NeedsLock()
    {
        if (_isLoading || !TryNext_NeedsLock(out var entry, out var slot)) return;
        _isLoading = true;
        _ = Task.Run(() => Load(entry, slot)); // ends in Fill or Fail, whatever happens
    }

    /// <summary>The first that is wanted, if there is room for it.</summary>
    private bool TryNext_NeedsLock(out AddonEntry entry, out int slot)
    {
        (entry, slot) = (null!, AddonEntry.NoSlot);
        while (_wanted.TryPeek(out var first))
        {
            if (first.Requests > 0 && first.Slot == AddonEntry.NoSlot)
            {
                if (TryReserve_NeedsLock(first, isWanted: true) is not { } free) return false;
                (entry, slot) = (first, free);
                _wanted.Dequeue(); // and still wanted, until it is there
                return true;
            }

            // Its requests were cancelled, or it is in memory: then nobody older waits for its place any more.
            _wanted.Dequeue();
            (first.WantedSince, first.IsDraining) = (null, false);
            Changed?.Invoke();
        }

        return false;
    }

    /// <summary>A slot and memory, for which others that nobody uses may have to go; null: those in use leave no room.</summary>
    /// <param name="isWanted">By a request; else those that requests have used stay.</param>
    private int? TryReserve_NeedsLock(AddonEntry entry, bool isWanted)
    {
        var loaded = _loaded.OfType<AddonEntry>().ToLookup(other => other.MayGo && (isWanted || !other.WasUsed));
        var unused = loaded[true].OrderBy(other => other.LastUse).ToList();
        var left = loaded[false].Select(other => other.Start).ToHashSet();
        if (_taken.Count(taken => taken) - unused.Count >= _taken.Length || !_pool.WouldFit(entry.Addon.Bytes, left)) return null;
        while (true)
        {
            var slot = Array.IndexOf(_taken, false);
            if (slot >= 0 && _pool.TryTake(entry.Addon.Bytes) is { } start)
            {
                _taken[slot] = true;
                entry.Start = start;
                return slot;
            }

            Evict_NeedsLock(unused[0]);
            unused.RemoveAt(0);
            _evictions++;
        }
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

    /// <summary>On a thread of its own: reads the files again; what is in them now must be what was registered.</summary>
    private void Load(AddonEntry entry, int slot)
    {
        try
        {
            using var file = AddonFile.Open(entry.Folder, _spec, _options.MaxRank);
            if (AddonPacker.SizeOf(file.Modules) != entry.Addon.Bytes || file.Digest() != entry.Addon.Digest)
            {
                throw new ModelLoadException(PeftAddon.WeightsFile, null, "is not what it was when the addon was loaded; load it again");
            }

            Fill(entry, slot, file);
        }
        catch (Exception error)
        {
            Fail(entry, slot, error);
        }
    }

    private void FillNew(AddonEntry entry, int slot, AddonFile file)
    {
        try
        {
            Fill(entry, slot, file);
        }
        catch (Exception error)
        {
            Fail(entry, slot, error);
            Unregister(entry.Addon.Digest);
            throw;
        }
    }

    /// <summary>Packs into the reserved memory and lets requests have it.</summary>
    private unsafe void Fill(AddonEntry entry, int slot, AddonFile file)
    {
        ResidentAddon resident;
        lock (_filling)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            resident = AddonPacker.Pack(file.Modules, _spec.Layers.Count, _pool.At(entry.Start));
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
        error is ModelLoadException refused ? $"{Path.GetFileName(refused.File)} {refused.Reason}" : error.GetType().Name;

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
