using System.Text.Json;
using Stoker.Engine;
using Stoker.Replica.Engines;
using Stoker.Replica.Simulated;

namespace Stoker.Replica.Tests;

/// <summary>
/// The simulated engine with a bug: a marked prompt makes it throw, with the prompt in the exception's message.
/// </summary>
internal sealed class ThrowingEngine(IReplicaEngine inner) : IReplicaEngine
{
    public const string Fault = "FAULT";

    public int ContextLength => inner.ContextLength;

    public int MaxSequences => inner.MaxSequences;

    public int VocabularySize => inner.VocabularySize;

    public bool SupportsChat => false;

    public SamplingOptions DefaultSampling => inner.DefaultSampling;

    public EngineStatistics Statistics => inner.Statistics;

    /// <summary>Most calls of <see cref="EncodeText"/> that ran at once.</summary>
    public int MostEncoding { get; private set; }

    private int _encoding;

    public int[] EncodeText(string text)
    {
        var now = Interlocked.Increment(ref _encoding);
        lock (inner) MostEncoding = Math.Max(MostEncoding, now);
        try
        {
            return text.StartsWith(Fault, StringComparison.Ordinal)
                ? throw new InvalidOperationException(text)
                : inner.EncodeText(text);
        }
        finally
        {
            Interlocked.Decrement(ref _encoding);
        }
    }

    public int[] EncodeChat(JsonElement messages, bool safeTokenization) =>
        inner.EncodeChat(messages, safeTokenization);

    public string Decode(ReadOnlySpan<int> tokens) => inner.Decode(tokens);

    public IReplicaGeneration Submit(GenerationRequest request) => inner.Submit(request);

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    public sealed class Loader(ReplicaModelOptions options) : IEngineLoader
    {
        public ThrowingEngine Engine { get; } = new(new SimulatedEngine(options, TimeProvider.System, () => { }));

        public Task<IReplicaEngine> LoadAsync(Action<double> progress, CancellationToken cancellation) =>
            Task.FromResult<IReplicaEngine>(Engine);
    }
}
