using System.Diagnostics.CodeAnalysis;
using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Models;

/// <summary>
/// The decoder-only transformer, for all architectures; what differs between them is in the <see cref="DecoderSpec"/>.
/// </summary>
/// <remarks>
/// A step, with x the residual stream: (1) embed; per layer: (2) attention of norm(x) added to x, (3) MLP of norm(x)
/// added to x; (4) logits of norm(x) for the rows that want them. Phases that are worth it run on the team, split by
/// output rows, by token rows or by heads: never by terms of a sum, so the split cannot be seen in the bits.
/// </remarks>
internal sealed partial class DecoderModel : ILanguageModel
{
    private readonly DecoderSpec _spec;
    private readonly DecoderWeights _weights;
    private readonly Checkpoint _checkpoint;
    private readonly ParallelKernels _parallel;
    private readonly ThreadTeam _team;
    private readonly RopeFrequencies[] _ropes;
    private readonly AttentionScale _attentionScale;
    private readonly float _embeddingFactor;
    private readonly Action<int, int> _prepareHeads;
    private readonly Action<int, int> _activate;

    // The step in progress; the team's jobs read them, so that a job needs no closure.
    private DecoderWorkspace? _workspace;
    private PagedAttention? _attention;
    private KvWriter? _kvWriter;
    private StepBatch? _batch;
    private KvStore? _kv;
    private int _layer;
    private int _mlpRows;

    /// <param name="checkpoint">Owned from here on.</param>
    /// <param name="contextLength">Positions served; dynamic and longrope choose their frequencies by it.</param>
    /// <exception cref="ModelLoadException">The checkpoint does not hold the graph of the spec.</exception>
    public DecoderModel(DecoderSpec spec, Checkpoint checkpoint, KernelSet kernels, ThreadTeam team, int contextLength)
    {
        (_spec, _checkpoint) = (spec, checkpoint);
        _weights = new DecoderWeightsReader(spec, checkpoint).Read();
        (_parallel, _team) = (new ParallelKernels(kernels, team), team);
        _ropes = [.. spec.Ropes.Select(rope => RopeFrequencies.Create(rope, spec.RotatedDims, contextLength))];
        _attentionScale = new AttentionScale((float)spec.AttentionFactor, (float)spec.AttentionSoftCap);
        _embeddingFactor = spec.Gemma ? EmbeddingFactor(spec.HiddenSize, _weights.Embedding.Type) : 1;
        (_prepareHeads, _activate) = (PrepareHeads, Activate);
        Shape = new ModelShape(
            spec.Layers.Count, spec.HiddenSize, spec.Heads, spec.KvHeads, spec.HeadDim, spec.VocabularySize, contextLength)
        {
            WorkspaceBytesPerRow = DecoderWorkspace.BytesPerRow(spec),
        };
    }

    public ModelShape Shape { get; }

    private KernelSet Kernels => _parallel.Kernels;

    public void Forward(StepBatch batch, KvStore kv, Span<float> logits)
    {
        Check(batch, kv, logits);
        if (_workspace is null || _workspace.Rows < batch.MaxRows)
        {
            _workspace = new DecoderWorkspace(_spec, batch.MaxRows); // the first step, or a caller with a larger batch
            _attention?.Dispose();
            _attention = new PagedAttention(
                Kernels, _team, _spec.Heads, _spec.KvHeads, _spec.HeadDim, Shape.ContextLength, batch.MaxRows);
            _kvWriter = new KvWriter(_team, batch.MaxRows);
        }

        (_batch, _kv) = (batch, kv);
        Embed();
        FillAngles();
        for (_layer = 0; _layer < _weights.Layers.Count; _layer++)
        {
            var layer = _weights.Layers[_layer];
            AddAttention(layer);
            AddMlp(layer);
        }

        ComputeLogits(logits);
        (_batch, _kv) = (null, null);
    }

    public void Dispose()
    {
        _attention?.Dispose();
        _checkpoint.Dispose();
    }

    /// <summary>
    /// sqrt(hidden) as the reference computes it: rounded to the type of the weights first (55.5 for 3072 in bf16).
    /// </summary>
    internal static float EmbeddingFactor(int hidden, TensorType type)
    {
        var factor = MathF.Sqrt(hidden);
        return type switch
        {
            TensorType.F16 => (float)(Half)factor,
            TensorType.BF16 => RoundToBFloat16(factor),
            _ => factor,
        };
    }

    private static float RoundToBFloat16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        bits += 0x7FFF + ((bits >> 16) & 1); // to nearest, ties to even
        return BitConverter.UInt32BitsToSingle(bits & 0xFFFF0000);
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

    [MemberNotNull(nameof(_workspace), nameof(_attention), nameof(_kvWriter), nameof(_batch), nameof(_kv))]
    private void RequireStep()
    {
        if (_workspace is null || _attention is null || _kvWriter is null || _batch is null || _kv is null)
        {
            throw new InvalidOperationException("no step is in progress");
        }
    }

    private void Embed()
    {
        RequireStep();
        var hidden = _spec.HiddenSize;
        for (var row = 0; row < _batch.RowCount; row++)
        {
            var target = _workspace.Stream.AsSpan(row * hidden, hidden);
            _weights.Embedding.WidenRow(_batch.Tokens[row], target);
            if (_spec.Gemma)
            {
                foreach (ref var value in target)
                {
                    value *= _embeddingFactor;
                }
            }
        }
    }

    private void FillAngles()
    {
        RequireStep();
        var pairs = _spec.RotatedDims / 2;
        for (var rope = 0; rope < _ropes.Length; rope++)
        {
            for (var row = 0; row < _batch.RowCount; row++)
            {
                var offset = ((rope * _workspace.Rows) + row) * pairs;
                _ropes[rope].Fill(
                    _batch.Positions[row], _workspace.Cos.AsSpan(offset, pairs), _workspace.Sin.AsSpan(offset, pairs));
            }
        }
    }

    private void NormStream(float[] weight)
    {
        RequireStep();
        var hidden = _spec.HiddenSize;
        for (var row = 0; row < _batch.RowCount; row++)
        {
            Kernels.RmsNorm(
                _workspace.Stream.AsSpan(row * hidden, hidden), weight, _spec.NormEpsilon,
                _workspace.Normed.AsSpan(row * hidden, hidden));
        }
    }

    /// <summary>x += branch, which Gemma normalises first.</summary>
    private void AddBranch(float[]? outputNorm, float[]? bias)
    {
        RequireStep();
        var hidden = _spec.HiddenSize;
        for (var row = 0; row < _batch.RowCount; row++)
        {
            var branch = _workspace.Branch.AsSpan(row * hidden, hidden);
            if (bias is not null)
            {
                Kernels.Add(branch, bias);
            }

            if (outputNorm is not null)
            {
                Kernels.RmsNorm(branch, outputNorm, _spec.NormEpsilon, branch);
            }

            Kernels.Add(_workspace.Stream.AsSpan(row * hidden, hidden), branch);
        }
    }

    private void ComputeLogits(Span<float> logits)
    {
        RequireStep();
        if (_batch.LogitRowCount == 0)
        {
            return;
        }

        var hidden = _spec.HiddenSize;
        var normed = _workspace.Normed.AsSpan(0, _batch.LogitRowCount * hidden);
        for (var i = 0; i < _batch.LogitRowCount; i++)
        {
            Kernels.RmsNorm(
                _workspace.Stream.AsSpan(_batch.RowsWithLogits[i] * hidden, hidden), _weights.FinalNorm, _spec.NormEpsilon,
                normed.Slice(i * hidden, hidden));
        }

        _parallel.Multiply(_weights.Head, normed, _batch.LogitRowCount, logits);
        if (_spec.FinalSoftCap > 0)
        {
            for (var i = 0; i < _batch.LogitRowCount; i++)
            {
                Kernels.SoftCap(logits.Slice(i * _spec.VocabularySize, _spec.VocabularySize), (float)_spec.FinalSoftCap);
            }
        }
    }
}
