using Stoker.Engine;
using Stoker.Replica.Requests;

namespace Stoker.Replica.Engines;

/// <summary>Opens a model folder with Stoker's own engine, and the addons that it is to have from the start.</summary>
/// <param name="servedName">Of the base model, which no addon may have.</param>
internal sealed class StokerEngineLoader(
    string modelFolder, EngineOptions options, string servedName = "", IReadOnlyList<(string Name, string Folder)>? addons = null) : IEngineLoader
{
    // Long work without a pause to await but for the addons: the slot runs it on a thread of its own.
    public async Task<IReplicaEngine> LoadAsync(Action<double> progress, CancellationToken cancellation)
    {
        var engine = InferenceEngine.Open(modelFolder, options);
        try
        {
            var names = options.Addons is null ? null : new AddonNames(engine, servedName, options.Time);
            foreach (var (name, folder) in addons ?? []) await LoadAsync(names!, name, folder, cancellation);
            return new StokerEngine(engine, options.MaxSequences, options.Time, names);
        }
        catch
        {
            await engine.DisposeAsync();
            throw;
        }
    }

    /// <summary>Not ready without it: a request for an addon that its replica does not know is an error, not a base model's answer.</summary>
    private static async Task LoadAsync(AddonNames names, string name, string folder, CancellationToken cancellation)
    {
        try
        {
            await names.LoadAsync(name, folder, replace: false, cancellation);
        }
        catch (Exception error) when (error is ModelLoadException or InvalidOperationException or ApiException)
        {
            var reason = error is ApiException refused ? refused.Error.Message : error.Message;
            throw new ModelLoadException(folder, null, $"the addon '{name}' cannot be loaded: {reason}", error);
        }
    }
}
