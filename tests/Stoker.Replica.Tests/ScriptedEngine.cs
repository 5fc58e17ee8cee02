using System.Text.Json;
using Stoker.Engine;
using Stoker.Replica.Engines;
using Stoker.Replica.Simulated;

namespace Stoker.Replica.Tests;

/// <summary>An engine whose every answer is the given events.</summary>
internal sealed class ScriptedEngine(params GenerationEvent[] events) : IReplicaEngine, IEngineLoader
{
    private readonly SimulatedEngine _inner = new(new(), TimeProvider.System, () => { });

    /// <summary>Ends when the engine has shown that it answers.</summary>
    public Task Proof { get; init; } = Task.CompletedTask;

    /// <summary>Loaded, and asked to show it.</summary>
    public TaskCompletionSource Proving { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public IReadOnlyList<string> LoadNotes { get; init; } = [];

    public int ContextLength => 100;

    public int MaxSequences => 1;

    public int VocabularySize => _inner.VocabularySize;

    public bool SupportsChat { get; init; }

    /// <summary>What was submitted last.</summary>
    public GenerationRequest? Submitted { get; private set; }

    public int Encoded { get; private set; }

    public SamplingOptions DefaultSampling => SamplingOptions.ApiDefaults;

    public EngineStatistics Statistics => _inner.Statistics;

    public int[] EncodeText(string text)
    {
        Encoded++;
        return _inner.EncodeText(text);
    }

    public int[] EncodeChat(JsonElement messages, bool safeTokenization)
    {
        Encoded++;
        throw new NotSupportedException();
    }

    public string Decode(ReadOnlySpan<int> tokens) => _inner.Decode(tokens);

    public Task ProveAsync(CancellationToken cancellation)
    {
        Proving.TrySetResult();
        return Proof.WaitAsync(cancellation);
    }

    public IReplicaGeneration Submit(GenerationRequest request)
    {
        Submitted = request;
        return new Script(events);
    }

    public ValueTask DisposeAsync() => _inner.DisposeAsync();

    public Task<IReplicaEngine> LoadAsync(Action<double> progress, CancellationToken cancellation) =>
        Task.FromResult<IReplicaEngine>(this);

    private sealed class Script(GenerationEvent[] events) : IReplicaGeneration
    {
        public int MaxTokens => 100;

        public int CachedTokens => 0;

        public IAsyncEnumerable<GenerationEvent> ReadAsync(CancellationToken cancellation) =>
            events.ToAsyncEnumerable();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
