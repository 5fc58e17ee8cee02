using Stoker.Engine;

namespace Stoker.Replica.Engines;

/// <summary>Addons by their contents. Two real ones stand behind it: Stoker's own engine and the simulated one.</summary>
internal interface IAddonHost
{
    AddonStatistics Statistics { get; }

    IReadOnlyList<AddonState> Addons { get; }

    /// <exception cref="ModelLoadException">The files cannot be used.</exception>
    /// <exception cref="InvalidOperationException">No room for one more.</exception>
    Task<LoadedAddon> LoadAsync(string folder, CancellationToken cancellation);

    void Unload(string digest);
}

/// <summary>Of Stoker's own engine.</summary>
internal sealed class EngineAddons(InferenceEngine engine) : IAddonHost
{
    public AddonStatistics Statistics => engine.Statistics.Addons;

    public IReadOnlyList<AddonState> Addons => engine.Addons;

    public Task<LoadedAddon> LoadAsync(string folder, CancellationToken cancellation) => engine.LoadAddonAsync(folder, cancellation);

    public void Unload(string digest) => engine.UnloadAddon(digest);
}
