using System.Runtime.CompilerServices;
using Stoker.Engine.Addons;
using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Models;

/// <summary>
/// The decoder-only transformer, for all architectures; what differs between them is in the <see cref="DecoderSpec"/>.
/// </summary>
/// <remarks>
/// A step, with x the residual stream: (1) embed; per layer: (2) attention of norm(x) added to x, (3) MLP of norm(x)
/// added to x; (4) logits of norm(x) for the rows that want them. A phase on the team is a matrix product with all that
/// comes before it row by row: adding what the last product gave to x, norm, activation, packing. Phases are split by
/// output rows, by token rows or by heads: never by terms of a sum, so the split cannot be seen in the bits.
/// Behind the keys and values of the last layer only rows that want logits go on, unless states are kept.
/// </remarks>
internal sealed partial class DecoderModel : ILanguageModel
{
    /// <summary>Multiply-adds that take as long as one value of rope and store: some 1 ns.</summary>
    private const int ValueWork = 24;

    private readonly DecoderSpec _spec;
    private readonly DecoderWidths _widths;
    private readonly PackedWeights _packed;
    private readonly DecoderWeights _weights;
    private readonly ParallelKernels _parallel;
    private readonly ThreadTeam _team;
    private readonly RopeTable[] _ropes;
    private readonly AttentionScale _attentionScale;

    // Jobs and row sources, made once: a step allocates nothing.
    private readonly Action<int, int> _embed;
    private readonly Action<int, int> _prepareHeads;
    private readonly Action<int, int> _normRows;
    private readonly RowSource _normedRow;
    private readonly RowSource _attendedRow;
    private readonly RowSource _routedRow;
    private readonly RowSource _expertRow;

    // The step in progress; jobs read them, so that a job needs no closure.
    private DecoderWorkspace? _workspace;
    private PagedAttention? _attention;
    private KvWriter? _kvWriter;
    private StepBatch? _batch;
    private KvStore? _kv;
    private int _layer;
    private float[] _norm = [];
    private PendingBranch _branch;
    private int _rows; // that are still computed
    private bool _gather; // row i of this phase is the i-th row with logits

    /// <param name="packed">Owned from here on.</param>
    /// <param name="contextLength">Positions served; dynamic and longrope choose their frequencies by it.</param>
    /// <param name="addons">Null: rows are computed with the base model alone.</param>
    /// <exception cref="ModelLoadException">The weights do not hold the graph of the spec.</exception>
    public DecoderModel(
        DecoderSpec spec, PackedWeights packed, KernelSet kernels, ThreadTeam team, int contextLength, AddonSlots? addons = null)
    {
        _addons = addons;
        (_spec, _packed, _team, _widths) = (spec, packed, team, DecoderWidths.Of(spec));
        _weights = DecoderWeights.From(spec, packed);
        _parallel = new ParallelKernels(kernels, team, _widths.LargestInput, spec.IntermediateSize);
        _ropes =
            [.. spec.Ropes.Select(rope => new RopeTable(RopeFrequencies.Create(rope, spec.RotatedDims, contextLength), contextLength))];
        _attentionScale = new AttentionScale((float)spec.AttentionFactor, (float)spec.AttentionSoftCap);
        (_embed, _prepareHeads, _normRows) = (Embed, PrepareHeads, NormRows);
        (_normedRow, _attendedRow, _routedRow, _expertRow) = (NormedRow, AttendedRow, RoutedRow, ExpertRow);
        Shape = new ModelShape(
            spec.Layers.Count, spec.HiddenSize, spec.Heads, spec.KvHeads, spec.HeadDim, spec.VocabularySize, contextLength)
        {
            WorkspaceBytesPerRow = DecoderWorkspace.BytesPerRow(spec) + _parallel.BytesPerRow + AddonBytesPerRow,
            WorkspaceBytes = _parallel.OwnBytes + _ropes.Sum(rope => rope.SizeBytes)
                + PagedAttention.BytesFor(team.Count, spec.Heads, spec.HeadDim, contextLength),
        };
    }

    public ModelShape Shape { get; }

    /// <summary>What addons are held against.</summary>
    public DecoderSpec Spec => _spec;

    /// <summary>Format of the projections, such as <c>bf16</c>.</summary>
    public string Precision => _packed.Precision;

    /// <summary>Memory that the weights take.</summary>
    public long WeightBytes => _packed.SizeBytes;

    /// <summary>What a step costs at least.</summary>
    public ModelWork Work => ModelWork.Of(_spec, _weights);

    /// <summary>Memory of rows, threads and tables so far, beside attention's: no more than <see cref="Shape"/> says.</summary>
    public long WorkspaceBytes =>
        (_workspace?.SizeBytes ?? 0) + (_states?.SizeBytes ?? 0) + _parallel.SizeBytes + AddonRowBytes + _ropes.Sum(rope => rope.SizeBytes);

    private KernelSet Kernels => _parallel.Kernels;

    private DecoderWorkspace Workspace => _workspace ?? throw NoStep();

    private PagedAttention Attention => _attention ?? throw NoStep();

    private KvWriter KvWriter => _kvWriter ?? throw NoStep();

    private StepBatch Batch => _batch ?? throw NoStep();

    private KvStore Kv => _kv ?? throw NoStep();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Forward(StepBatch batch, KvStore kv, Span<float> logits)
    {
        Check(batch, kv, logits);
        Reserve(batch.MaxRows); // the first step, or a caller with a larger batch
        (_batch, _kv, _rows, _gather, _branch) = (batch, kv, batch.RowCount, false, default);
        NoteAddons();
        EmbedRows();
        FillAngles();
        for (_layer = 0; _layer < _weights.Layers.Length && _rows > 0; _layer++)
        {
            var layer = _weights.Layers[_layer];
            AddAttention(layer);
            if (_rows > 0)
            {
                AddMlp(layer);
            }
        }

        ComputeLogits(logits);
        (_batch, _kv) = (null, null);
    }

    public void Dispose()
    {
        _workspace?.Dispose();
        _attention?.Dispose();
        _states?.Dispose();
        DisposeAddons();
        _parallel.Dispose();
        Array.ForEach(_ropes, rope => rope.Dispose());
        _packed.Dispose();
    }

    private static InvalidOperationException NoStep() => new("no step is in progress");

    private void Reserve(int rows)
    {
        if (_workspace is null || _workspace.Rows < rows)
        {
            _workspace?.Dispose();
            _workspace = new DecoderWorkspace(_spec, rows);
            _parallel.Reserve(rows);
            _attention?.Dispose();
            _attention = new PagedAttention(Kernels, _team, _spec.Heads, _spec.KvHeads, _spec.HeadDim, Shape.ContextLength, rows);
            _kvWriter = new KvWriter(_team, rows);
            ReserveAddons(rows);
            ReserveStates(rows);
        }
    }

    private void Check(StepBatch batch, KvStore kv, Span<float> logits)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(logits.Length, (long)batch.LogitRowCount * _spec.VocabularySize);
        foreach (var token in batch.Tokens)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)token, (uint)_spec.VocabularySize, nameof(batch));
        }

        foreach (var position in batch.Positions)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(position, Shape.ContextLength, nameof(batch));
        }

        if (kv.Shape.KvHeads != _spec.KvHeads || kv.Shape.HeadDim != _spec.HeadDim || kv.Shape.Layers != _spec.Layers.Count)
        {
            throw new ArgumentException("the KV store was made for another model", nameof(kv));
        }
    }

    /// <summary>A row of a table in panels touches a cache line for every two columns: some 4 us for 2,048.</summary>
    private void EmbedRows() => _parallel.Run(_embed, (long)_rows * _spec.HiddenSize * 64);

    private void Embed(int part, int parts)
    {
        var factor = _weights.EmbeddingFactor;
        for (var row = part; row < _rows; row += parts)
        {
            var target = Workspace.Stream[row];
            _weights.Embedding.ReadRow(Batch.Tokens[row], target);
            if (factor != 1)
            {
                foreach (ref var value in target)
                {
                    value *= factor;
                }
            }
        }
    }

    private void FillAngles()
    {
        var pairs = _spec.RotatedDims / 2;
        for (var rope = 0; rope < _ropes.Length; rope++)
        {
            for (var row = 0; row < _rows; row++)
            {
                _ropes[rope].Read(
                    Batch.Positions[row], Workspace.Cos[row].Slice(rope * pairs, pairs), Workspace.Sin[row].Slice(rope * pairs, pairs));
            }
        }
    }

    /// <summary>w · norm(x), with the pending branch added to x on the way.</summary>
    private void ProjectStream(
        PanelMatrix w, float[] norm, Span<float> y, int stride, float softCap = 0, LowRankProduct? change = null)
    {
        _norm = norm;
        _parallel.Project(w, _normedRow, _rows, y, stride, softCap, change);
        FinishStream();
    }

    /// <summary>The stream holds the branch now, in the order of the rows that go on.</summary>
    private void FinishStream()
    {
        Workspace.SwapStreams();
        (_branch, _gather) = (default, false);
    }

    /// <summary>Row source: the stream with the branch, and its norm.</summary>
    private void NormedRow(int row, Span<float> target, bool publish)
    {
        var stream = Workspace.Stream[StreamRow(row)];
        var sum = publish ? Workspace.NextStream[row] : target;
        if (_branch is { IsThere: true, OutputNorm: null, Bias: null })
        {
            Kernels.AddRmsNorm(stream, Workspace.Branch[row], _norm, _spec.NormEpsilon, sum, target);
            return;
        }

        AddBranch(row, stream, sum);
        Kernels.RmsNorm(sum, _norm, _spec.NormEpsilon, target);
    }

    /// <summary>x + branch, which takes its bias first, and with Gemma its norm.</summary>
    private void AddBranch(int row, ReadOnlySpan<float> stream, Span<float> target)
    {
        if (!_branch.IsThere)
        {
            stream.CopyTo(target);
            return;
        }

        Workspace.Branch[row].CopyTo(target);
        if (_branch.Bias is not null)
        {
            Kernels.Add(target, _branch.Bias);
        }

        if (_branch.OutputNorm is not null)
        {
            Kernels.RmsNorm(target, _branch.OutputNorm, _spec.NormEpsilon, target);
        }

        Kernels.Add(target, stream);
    }

    private int StreamRow(int row) => _gather ? Batch.RowsWithLogits[row] : row;

    private void ComputeLogits(Span<float> logits)
    {
        if (_rows == 0)
        {
            return;
        }

        if (_keepsStates)
        {
            ComputeStatesAndLogits(logits);
            return;
        }

        ProjectStream(_weights.Head, _weights.FinalNorm, logits, _spec.VocabularySize, (float)_spec.FinalSoftCap);
    }

    /// <summary>What the last product adds to the stream, once its bias and norm are applied; it lies in the workspace.</summary>
    private readonly record struct PendingBranch(bool IsThere, float[]? Bias, float[]? OutputNorm);
}
