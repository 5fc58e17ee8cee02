namespace Stoker.Engine;

/// <summary>A request that the engine took: its stream of events. Read once, by one reader.</summary>
/// <remarks>
/// The stream ends after the last event of the last choice and never throws for what happened to the request: errors are events.
/// Leaving the loop early, cancelling its token, <see cref="Cancel"/> and disposal all end the request within one step.
/// </remarks>
public sealed class Generation : IAsyncEnumerable<GenerationEvent>, IAsyncDisposable
{
    internal Generation(string id, int promptTokens, int maxTokens, long seed) =>
        (Id, PromptTokens, MaxTokens, Seed) = (id, promptTokens, maxTokens, seed);

    public string Id { get; }

    public int PromptTokens { get; }

    /// <summary>The limit in force, after defaults and <see cref="GenerationRequest.FitMaxTokens"/>.</summary>
    public int MaxTokens { get; }

    /// <summary>The request's seed, or the one drawn for it: the same request with it gives the same answer.</summary>
    public long Seed { get; }

    /// <summary>Asks the engine to end the request; returns at once, the stream ends with <see cref="FinishReason.Cancelled"/>.</summary>
    public void Cancel() => throw new NotImplementedException();

    public IAsyncEnumerator<GenerationEvent> GetAsyncEnumerator(CancellationToken cancellationToken = default) =>
        throw new NotImplementedException();

    /// <summary>Reads to the end and puts the choices together.</summary>
    public Task<GenerationResult> CompleteAsync(CancellationToken cancellation = default) => throw new NotImplementedException();

    /// <summary>Cancels what still runs and returns when its KV blocks are free.</summary>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
