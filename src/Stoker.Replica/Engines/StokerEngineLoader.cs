using Stoker.Engine;

namespace Stoker.Replica.Engines;

/// <summary>
/// Opens a model folder with Stoker's own engine and lets it answer once: ready means that the model answers.
/// </summary>
internal sealed class StokerEngineLoader(string modelFolder, EngineOptions options) : IEngineLoader
{
    public async Task<IReplicaEngine> LoadAsync(Action<double> progress, CancellationToken cancellation)
    {
        var engine = InferenceEngine.Open(modelFolder, options);
        try
        {
            await ProbeAsync(engine, cancellation);
            return new StokerEngine(engine, options.MaxSequences, options.Time);
        }
        catch
        {
            await engine.DisposeAsync();
            throw;
        }
    }

    /// <summary>One token from one token: the only inference that is not a client's.</summary>
    private static async Task ProbeAsync(InferenceEngine engine, CancellationToken cancellation)
    {
        await using var probe = engine.Submit(new() { PromptTokens = [0], MaxTokens = 1, IgnoreEos = true });
        var result = await probe.CompleteAsync(cancellation);
        if (result.Choices[0].Finish is FinishReason.Error or FinishReason.Cancelled)
        {
            throw new ModelLoadException(
                "model", null, $"the loaded model failed its first step: {result.Choices[0].Error?.GetType().Name}", result.Choices[0].Error);
        }
    }
}
