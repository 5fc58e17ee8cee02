using System.Text.Json;
using Stoker.Engine;
using Stoker.Replica.Engines;
using Stoker.Replica.Simulated;

namespace Stoker.Replica.Tests;

/// <summary>An engine whose every answer is the given events.</summary>
internal sealed class ScriptedEngine(params GenerationEvent[] events) : IReplicaEngine, IEngineLoader
{
    private readonly SimulatedEngine _inner = new(new(), TimeProvider.System, () => { });

    public int ContextLength => 100;

    public int MaxSequences => 1;

    public int VocabularySize => _inner.VocabularySize;

    public bool SupportsChat => false;

    public SamplingOptions DefaultSampling => SamplingOptions.ApiDefaults;

    public EngineStatistics Statistics => _inner.Statistics;

    public int[] EncodeText(string text) => _inner.EncodeText(text);

    public int[] EncodeChat(JsonElement messages, bool safeTokenization) => throw new NotSupportedException();

    public string Decode(ReadOnlySpan<int> tokens) => _inner.Decode(tokens);

    public IReplicaGeneration Submit(GenerationRequest request) => new Script(events);

    public ValueTask DisposeAsync() => _inner.DisposeAsync();

    public Task<IReplicaEngine> LoadAsync(Action<double> progress, CancellationToken cancellation) =>
        Task.FromResult<IReplicaEngine>(this);

    private sealed class Script(GenerationEvent[] events) : IReplicaGeneration
    {
        public IAsyncEnumerable<GenerationEvent> ReadAsync(CancellationToken cancellation) =>
            events.ToAsyncEnumerable();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
