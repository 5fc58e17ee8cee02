using Stoker.Engine;
using Stoker.Replica.Requests;

namespace Stoker.Replica.Engines;

/// <summary>An addon under the name that requests ask for.</summary>
internal sealed record NamedAddon(string Name, LoadedAddon Addon, DateTimeOffset Since);

/// <summary>
/// Names of addons. The engine knows contents alone: two names may stand for one addon, and a name that comes to stand for other
/// contents leaves those alone who run with the old ones.
/// </summary>
/// <param name="mostNames">As many as the engine has addons at the most; two names may stand for one.</param>
internal sealed class AddonNames(IAddonHost host, string baseName, TimeProvider time, int mostNames = 10_000) : IDisposable
{
    private const int MostNameLength = 255;

    private readonly SemaphoreSlim _turn = new(1); // of loads and unloads
    private readonly Lock _lock = new();
    private readonly Dictionary<string, NamedAddon> _names = new(StringComparer.Ordinal); // under the lock

    public AddonStatistics Statistics => host.Statistics;

    /// <summary>By name.</summary>
    public IReadOnlyList<NamedAddon> All
    {
        get { lock (_lock) return [.. _names.Values.OrderBy(addon => addon.Name, StringComparer.Ordinal)]; }
    }

    public int Count
    {
        get { lock (_lock) return _names.Count; }
    }

    public NamedAddon? Find(string name)
    {
        lock (_lock) return _names.GetValueOrDefault(name);
    }

    /// <summary>What each addon does now, by digest.</summary>
    public IReadOnlyDictionary<string, AddonState> States() => host.Addons.ToDictionary(state => state.Addon.Digest, StringComparer.Ordinal);

    /// <param name="name">Not the base model's.</param>
    /// <param name="folder">As on this machine.</param>
    /// <param name="replace">Whether a name that stands for other contents may come to stand for these.</param>
    /// <exception cref="ApiException">The name cannot be had.</exception>
    /// <exception cref="ModelLoadException">The files cannot be used with this model.</exception>
    /// <exception cref="InvalidOperationException">No room for one more.</exception>
    public async Task<NamedAddon> LoadAsync(string name, string folder, bool replace, CancellationToken cancellation)
    {
        CheckName(name);
        await _turn.WaitAsync(cancellation);
        try
        {
            var before = Find(name);
            if (before is null && Count >= mostNames)
            {
                throw new InvalidOperationException($"{mostNames} names of addons are loaded, which is the limit; unload one first.");
            }

            var addon = await host.LoadAsync(folder, cancellation);
            if (before?.Addon.Digest == addon.Digest) return before;
            if (before is not null && !replace)
            {
                Forget(addon.Digest);
                throw new ApiException(new(
                    Microsoft.AspNetCore.Http.StatusCodes.Status409Conflict, "invalid_request_error",
                    "Another addon has this name; unload it first, or send load_inplace.", "lora_name", "addon_exists"));
            }

            var named = new NamedAddon(name, addon, time.GetUtcNow());
            lock (_lock) _names[name] = named;
            if (before is not null) Forget(before.Addon.Digest);
            return named;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <returns>False: there is no such name.</returns>
    public async Task<bool> UnloadAsync(string name, CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation);
        try
        {
            NamedAddon? gone;
            lock (_lock) _names.Remove(name, out gone);
            if (gone is not null) Forget(gone.Addon.Digest);
            return gone is not null;
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();

    /// <summary>Those that a replica has from the start: without one of them it is not to get ready.</summary>
    /// <exception cref="ModelLoadException">Names the one that cannot be loaded.</exception>
    public async Task LoadAllAsync(IReadOnlyList<(string Name, string Folder)> addons, CancellationToken cancellation)
    {
        foreach (var (name, folder) in addons)
        {
            try
            {
                await LoadAsync(name, folder, replace: false, cancellation);
            }
            catch (Exception error) when (error is ModelLoadException or InvalidOperationException or ApiException)
            {
                var reason = error is ApiException refused ? refused.Error.Message : error.Message;
                throw new ModelLoadException(folder, null, $"the addon '{name}' cannot be loaded: {reason}", error);
            }
        }
    }

    /// <summary>Unless another name stands for it.</summary>
    private void Forget(string digest)
    {
        lock (_lock)
        {
            if (_names.Values.Any(addon => addon.Addon.Digest == digest)) return;
        }

        host.Unload(digest);
    }

    private void CheckName(string name)
    {
        if (name.Length is 0 or > MostNameLength || name.Any(char.IsControl))
        {
            throw Field.Refused("lora_name", $"must have 1 to {MostNameLength} characters and no control characters");
        }

        if (name == baseName) throw Field.Refused("lora_name", "is the base model's name; choose another");
    }
}
