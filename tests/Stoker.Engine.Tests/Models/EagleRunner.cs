using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;
using Stoker.Engine.Models;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Models;

/// <summary>The story model with its EAGLE head, each with blocks of its own, turned by hand.</summary>
internal sealed class EagleRunner : IDisposable
{
    public const int Rows = 128;
    private const int Blocks = 32;

    private readonly ThreadTeam _team;
    private readonly DecoderModel _target;
    private readonly EagleHead _head;
    private readonly KvStore _kv, _headKv;
    private readonly RowBuffer _states;
    private readonly int[] _slots = [.. Enumerable.Range(0, Rows)];
    private readonly StepBatch _batch = new(Rows, 4), _pairs = new(Rows, 4);

    public EagleRunner(string kernels = "portable", int threads = 1, Precision precision = Precision.Auto, string? folder = null)
    {
        _team = new(threads) { MinimumWork = 0 };
        var set = KernelSets.Choose(kernels);
        _target = LanguageModel.Load(TestData.Model("story-3m"), set, _team, new() { Precision = precision });
        _target.KeepStates();
        _head = EagleHead.Load(folder ?? TestData.Model("story-3m-eagle"), _target, set, _team, new() { Precision = precision });
        _head.Reserve(Rows, Rows);
        (_kv, _headKv) = (new(_target.Shape, Blocks, KvFormat.F32), new(_head.Shape, Blocks, KvFormat.F32));
        _states = new(2 * Rows, _target.Shape.HiddenSize);
    }

    public EagleHead Head => _head;

    public int Vocabulary => _target.Shape.VocabularySize;

    /// <summary>Blocks of one of two sequences.</summary>
    public static int[] Table(int sequence) => [.. Enumerable.Range(0, Blocks / 2).Select(block => (2 * block) + sequence)];

    /// <summary>A row of states: pairs take theirs from the first <see cref="Rows"/>, a pass leaves its own behind them.</summary>
    public Span<float> State(int slot) => _states[slot];

    /// <summary>Logits of the target, whose states are then those of the first slots.</summary>
    public float[] Target(ReadOnlySpan<int> tokens, int firstPosition = 0, int sequence = 0)
    {
        _batch.Clear();
        _batch.Add(tokens, firstPosition, Table(sequence), LogitRows.All);
        var logits = new float[tokens.Length * Vocabulary];
        _target.Forward(_batch, _kv, logits);
        for (var row = 0; row < tokens.Length; row++) _target.State(row).CopyTo(_states[row]);
        return logits;
    }

    /// <summary>Logits of pairs whose states are in the first slots.</summary>
    public float[] Draft(ReadOnlySpan<int> tokens, int firstPosition, LogitRows rows, int sequence = 0)
    {
        _pairs.Clear();
        _pairs.Add(tokens, firstPosition, Table(sequence), rows);
        return Draft(_pairs);
    }

    public float[] Draft(StepBatch pairs, int[]? slots = null)
    {
        var logits = new float[pairs.LogitRowCount * Vocabulary];
        Draft(pairs, slots ?? _slots, logits);
        return logits;
    }

    public void Draft(StepBatch pairs, int[] slots, Span<float> logits) => _head.Forward(pairs, _headKv, _states, slots, Rows, logits);

    public static int Highest(ReadOnlySpan<float> logits)
    {
        var best = 0;
        for (var id = 1; id < logits.Length; id++) best = logits[id] > logits[best] ? id : best;
        return best;
    }

    public void Dispose()
    {
        _states.Dispose();
        _kv.Dispose();
        _headKv.Dispose();
        _head.Dispose();
        _target.Dispose();
        _team.Dispose();
    }
}
