using Stoker.Engine;

namespace Stoker.Replica.Engines;

/// <summary>Opens a model folder with Stoker's own engine.</summary>
internal sealed class StokerEngineLoader : IEngineLoader
{
    public Task<IReplicaEngine> LoadAsync(Action<double> progress, CancellationToken cancellation) =>
        throw new ModelLoadException("--engine stoker", null, "this build serves with --engine simulated only");
}
