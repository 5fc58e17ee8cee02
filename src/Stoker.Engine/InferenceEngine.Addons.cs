using Stoker.Engine.Addons;
using Stoker.Engine.Scheduling;

namespace Stoker.Engine;

// Addons: loaded and unloaded while requests run.
public sealed partial class InferenceEngine
{
    private AddonStore Store => _parts.Addons
        ?? throw new InvalidOperationException($"This engine was opened without addons; set {nameof(EngineOptions)}.{nameof(EngineOptions.Addons)}.");

    /// <summary>Addons that requests may name.</summary>
    public IReadOnlyList<AddonState> Addons => _parts.Addons?.List() ?? [];

    /// <summary>
    /// Reads and checks an addon's folder (PEFT: adapter_config.json and adapter_model.safetensors), beside running requests, which
    /// do not notice. From then on requests may name it; the folder stays as it is as long as they do, since an addon that had to
    /// leave memory for another is read again.
    /// </summary>
    /// <exception cref="ModelLoadException">The files are broken, or made for another model.</exception>
    /// <exception cref="InvalidOperationException">The engine has no addons, or no room for one more or one so large.</exception>
    public Task<LoadedAddon> LoadAddonAsync(string folder, CancellationToken cancellation = default)
    {
        var store = Store;
        return Task.Run(() => store.Register(folder), cancellation);
    }

    /// <summary>No request may name it any more; those that run or wait with it are answered. False: there is none of this digest.</summary>
    public bool UnloadAddon(string digest) => Store.Unregister(digest);

    private AddonUse? UseAddon(GenerationRequest request)
    {
        if (request.Addon is not { } digest) return null;
        if (_parts.Addons is null) throw RefusedAddon("This engine was opened without addons.");
        return _parts.Addons.TryUse(digest) ?? throw RefusedAddon("No addon with this digest is loaded; load it first.");
    }

    private static void LetGo(RequestState? state)
    {
        state?.LeaveQueue();
        state?.Addon?.Release();
    }

    private static RequestRefusedException RefusedAddon(string message) => new(RefusalKind.Invalid, "addon", message);
}
