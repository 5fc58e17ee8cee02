namespace Stoker.Engine;

/// <summary>One loaded model and the loop that serves all requests to it together. The library's entry point.</summary>
public sealed class InferenceEngine : IAsyncDisposable
{
    /// <exception cref="ModelLoadException">The folder cannot be used.</exception>
    public static InferenceEngine Open(string modelFolder, EngineOptions? options = null) => throw new NotImplementedException();

    /// <summary>Deployment over model over API defaults; every value but logit bias and seed is set.</summary>
    public SamplingOptions DefaultSampling => throw new NotImplementedException();

    /// <summary>Positions a sequence may have, prompt and answer together.</summary>
    public int ContextLength => throw new NotImplementedException();

    public EngineStatistics Statistics => throw new NotImplementedException();

    /// <summary>Takes a request or refuses it, at once; thread-safe.</summary>
    /// <exception cref="RequestRefusedException">With the figures.</exception>
    public Generation Submit(GenerationRequest request) => throw new NotImplementedException();

    /// <summary>Cancels all requests, stops the loop and frees weights and cache.</summary>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
