using Stoker.Engine;

namespace Stoker.Replica.Engines;

/// <summary>Opens a model folder with Stoker's own engine.</summary>
internal sealed class StokerEngineLoader(string modelFolder, EngineOptions options) : IEngineLoader
{
    // Long work without a pause to await: the slot runs it on a thread of its own.
    public Task<IReplicaEngine> LoadAsync(Action<double> progress, CancellationToken cancellation) =>
        Task.FromResult<IReplicaEngine>(
            new StokerEngine(InferenceEngine.Open(modelFolder, options), options.MaxSequences, options.Time));
}
