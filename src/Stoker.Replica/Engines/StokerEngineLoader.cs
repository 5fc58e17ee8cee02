using Stoker.Engine;

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
        var names = options.Addons is null ? null : new AddonNames(new EngineAddons(engine), servedName, options.Time);
        var memory = engine.Statistics;
        var loaded = new StokerEngine(engine, options.MaxSequences, options.Time, names)
        {
            CacheTokens = options.PrefixCache ? (long)memory.KvBlocksTotal * memory.KvBlockSize : 0,
        };
        try
        {
            if (names is not null) await names.LoadAllAsync(addons ?? [], cancellation);
            return loaded;
        }
        catch
        {
            await loaded.DisposeAsync();
            throw;
        }
    }
}
