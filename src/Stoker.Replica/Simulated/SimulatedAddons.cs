using System.Security.Cryptography;
using Stoker.Engine;
using Stoker.Engine.Models;
using Stoker.Replica.Engines;

namespace Stoker.Replica.Simulated;

/// <summary>
/// Addons of the simulated engine: their files are inspected as at an upload, and answers with one differ from those without. There is
/// no base to hold them against.
/// </summary>
internal sealed class SimulatedAddons : IAddonHost
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, LoadedAddon> _addons = new(StringComparer.Ordinal); // under the lock
    private long _loads; // under the lock

    public AddonStatistics Statistics
    {
        get
        {
            lock (_lock)
            {
                var bytes = _addons.Values.Sum(addon => addon.Bytes);
                return new() { Registered = _addons.Count, Loaded = _addons.Count, MaxLoaded = new AddonOptions().MaxLoaded, PoolBytes = bytes, UsedBytes = bytes, Loads = _loads };
            }
        }
    }

    public IReadOnlyList<AddonState> Addons
    {
        get { lock (_lock) return [.. _addons.Values.Select(addon => new AddonState(addon, IsLoaded: true, Requests: 0, Running: 0))]; }
    }

    public async Task<LoadedAddon> LoadAsync(string folder, CancellationToken cancellation)
    {
        var found = ModelFolder.Inspect(folder);
        if (found.Kind != ModelKind.PeftAddon) throw new ModelLoadException(folder, null, "holds a whole model and no addon");
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in Directory.EnumerateFiles(folder, "adapter_*").Order(StringComparer.Ordinal)) hash.AppendData(await File.ReadAllBytesAsync(file, cancellation));
        var addon = new LoadedAddon(Convert.ToHexStringLower(hash.GetHashAndReset()), found.Rank ?? 0, found.TargetModules, found.WeightBytes);
        lock (_lock)
        {
            if (!_addons.TryAdd(addon.Digest, addon)) return _addons[addon.Digest];
            _loads++;
        }

        return addon;
    }

    public void Unload(string digest)
    {
        lock (_lock) _addons.Remove(digest);
    }
}
