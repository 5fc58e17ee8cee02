using System.Runtime.CompilerServices;
using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Models;

/// <summary>
/// An EAGLE-1 draft head: from what the target thought at position i and the token that followed there, to the
/// token after that.
/// </summary>
/// <remarks>
/// Pair i is (state of the target at i, after its final norm; token i + 1), and stands at position i. A pass:
/// x = fc(embedding of the token, state); x += attention(x) over all pairs so far, with no norm before it; g = x + MLP(norm(x));
/// logits = target's head · g. The g of a pair stands in for the next state when it is drafted further.
/// Pairs without logits end at their keys and values: they are history, and cost a fraction of a pass.
/// Bits of a row depend on its own sequence alone, as in <see cref="ILanguageModel"/>. One pass at a time, and none while the target computes.
/// </remarks>
internal sealed partial class EagleHead : IDisposable
{
    private const int ValueWork = 24; // as in the decoder

    private readonly DecoderSpec _spec;
    private readonly PackedWeights _packed;
    private readonly EagleWeights _weights;
    private readonly ThreadTeam _team;
    private readonly ParallelKernels _parallel;
    private readonly RopeTable _rope;
    private readonly AttentionScale _attentionScale;
    private readonly RowSource _pairRow, _inputRow, _attendedRow, _mlpRow, _ownRow;
    private readonly Action<int, int> _turnHeads;
    private EagleWorkspace? _workspace;
    private PagedAttention? _attention;
    private KvWriter? _kvWriter;

    // The pass in progress.
    private StepBatch? _batch;
    private RowBuffer? _states;
    private int[] _slots = [];
    private int _firstOwn;

    /// <param name="packed">Owned from here on.</param>
    /// <param name="target">Lends embedding and head, and outlives this.</param>
    /// <param name="contextLength">Positions that it reaches.</param>
    public EagleHead(DecoderSpec spec, PackedWeights packed, DecoderModel target, KernelSet kernels, ThreadTeam team, int contextLength)
    {
        (_spec, _packed, _team, Target) = (spec, packed, team, target);
        _weights = EagleWeights.From(spec, packed, target);
        _parallel = new(kernels, team, Math.Max(2 * spec.HiddenSize, DecoderWidths.Of(spec).Queries), spec.IntermediateSize);
        _rope = new(RopeFrequencies.Create(spec.Ropes[0], spec.RotatedDims, contextLength), contextLength);
        _attentionScale = new((float)spec.AttentionFactor, 0);
        (_pairRow, _inputRow, _attendedRow, _mlpRow, _ownRow) = (PairRow, InputRow, AttendedRow, MlpRow, OwnRow);
        _turnHeads = TurnHeads;
        Shape = new(1, spec.HiddenSize, spec.Heads, spec.KvHeads, spec.HeadDim, spec.VocabularySize, contextLength)
        {
            WorkspaceBytesPerRow = EagleWorkspace.BytesPerRow(spec) + _parallel.BytesPerRow,
            WorkspaceBytes = _parallel.OwnBytes + _rope.SizeBytes + PagedAttention.BytesFor(team.Count, spec.Heads, spec.HeadDim, contextLength),
        };
    }

    /// <summary>Whose states it works on.</summary>
    public DecoderModel Target { get; }

    /// <summary>Of its layer; rows of logits take <see cref="BytesPerLogitRow"/> each beside what stands here.</summary>
    public ModelShape Shape { get; }

    /// <summary>Without what the target lends.</summary>
    public long WeightBytes => _packed.SizeBytes;

    public long BytesPerLogitRow => EagleWorkspace.BytesPerLogitRow(_spec);

    private EagleWorkspace Workspace => _workspace ?? throw NoPass();

    private StepBatch Batch => _batch ?? throw NoPass();

    private RowBuffer States => _states ?? throw NoPass();

    /// <summary>Makes room for passes of so many pairs.</summary>
    public void Reserve(int rows, int logitRows)
    {
        if (_workspace is { } there && there.Rows >= rows && there.LogitRows >= logitRows) return;
        _workspace?.Dispose();
        _attention?.Dispose();
        _workspace = new(_spec, rows, logitRows);
        _parallel.Reserve(rows);
        _attention = new(_parallel.Kernels, _team, _spec.Heads, _spec.KvHeads, _spec.HeadDim, Shape.ContextLength, rows);
        _kvWriter = new(_team, rows);
    }

    /// <summary>Writes keys and values of all pairs, and computes the logits of those that asked for them.</summary>
    /// <param name="batch">Pairs: the token that followed, and the state's position. No more than was reserved for.</param>
    /// <param name="kv">Of <see cref="Shape"/>.</param>
    /// <param name="slots">Row of <paramref name="states"/> by row of the batch.</param>
    /// <param name="firstOwn">Row of the states from which on the g of the rows with logits are left, in their order.</param>
    /// <param name="logits">[rows with logits, vocabulary].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Forward(StepBatch batch, KvStore kv, RowBuffer states, int[] slots, int firstOwn, Span<float> logits)
    {
        Check(batch, slots, logits);
        (_batch, _states, _slots, _firstOwn) = (batch, states, slots, firstOwn);
        var (rows, wanted) = (batch.RowCount, batch.LogitRowCount);
        _parallel.Project(_weights.Join.Weight, _pairRow, rows, Workspace.Joined.First(rows), _spec.HiddenSize);
        _parallel.Project(_weights.Qkv, _inputRow, rows, Workspace.Qkv.First(rows), Workspace.QkvWidth);
        FillAngles();
        _parallel.Run(_turnHeads, (long)rows * Workspace.QkvWidth * ValueWork);
        WriteKeysAndValues(kv);
        if (wanted > 0)
        {
            Attend(kv);
            _parallel.Project(_weights.Output, _attendedRow, wanted, Workspace.Branch.First(wanted), _spec.HiddenSize);
            var mlp = _weights.Mlp;
            _parallel.ProjectGated(mlp.GateUp, mlp.Down.Weight, _mlpRow, wanted, Workspace.MlpOutput.First(wanted), _spec.HiddenSize);
            _parallel.Project(_weights.Head, _ownRow, wanted, logits, _spec.VocabularySize);
        }

        (_batch, _states) = (null, null);
    }

    public void Dispose()
    {
        _workspace?.Dispose();
        _attention?.Dispose();
        _parallel.Dispose();
        _rope.Dispose();
        _packed.Dispose();
    }

    private static InvalidOperationException NoPass() => new("no pass is in progress");

    private void Check(StepBatch batch, int[] slots, Span<float> logits)
    {
        ArgumentOutOfRangeException.ThrowIfZero(batch.RowCount, nameof(batch));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(batch.RowCount, Workspace.Rows, nameof(batch));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(batch.LogitRowCount, Workspace.LogitRows, nameof(batch));
        ArgumentOutOfRangeException.ThrowIfLessThan(slots.Length, batch.RowCount, nameof(slots));
        ArgumentOutOfRangeException.ThrowIfNotEqual(logits.Length, (long)batch.LogitRowCount * _spec.VocabularySize, nameof(logits));
        foreach (var token in batch.Tokens) ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)token, (uint)_spec.VocabularySize, nameof(batch));
        foreach (var position in batch.Positions) ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(position, Shape.ContextLength, nameof(batch));
    }
}
