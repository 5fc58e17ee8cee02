using Stoker.Engine.Models.Quantized;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Models;

/// <summary>Walks through the graph of a spec and claims each tensor. Used once.</summary>
internal sealed class PackPlanReader(DecoderSpec spec, Checkpoint checkpoint, Precision precision)
{
    private readonly List<PackItem> _items = [];
    private readonly QuantizedWeights _weights = new(checkpoint, spec.Quantization);

    private int QueryRows => spec.Heads * spec.HeadDim;

    private int KeyRows => spec.KvHeads * spec.HeadDim;

    /// <exception cref="ModelLoadException">A tensor is missing, has another shape or type, or has no place in the
    /// graph.</exception>
    public PackPlan Read()
    {
        AddEmbedding();
        for (var layer = 0; layer < spec.Layers.Count; layer++)
        {
            AddAttention(PackNames.Layer(layer), $"model.layers.{layer}.");
            AddMlp(layer, $"model.layers.{layer}.");
        }

        AddNorm(PackNames.FinalNorm, "model.norm.weight", spec.HiddenSize);
        AddHead();
        checkpoint.RefuseUnclaimed(spec.Architecture);
        var projections = _items.First(item => item.Name == PackNames.Layer(0) + PackNames.Qkv).Format;
        return new PackPlan(PackPrecision.NameOf(projections), _items);
    }

    private void AddEmbedding()
    {
        PackSource[] embedding = [Source("model.embed_tokens.weight", spec.VocabularySize, spec.HiddenSize)];
        if (spec.Gemma)
        {
            AddVector(PackNames.EmbeddingFactor, [EmbeddingScale.Of(spec.HiddenSize, embedding[0].Matrix.Type)]);
        }

        if (spec.TiedHead)
        {
            checkpoint.Ignore("lm_head.weight"); // some writers store the tied matrix twice; the embedding counts
        }
        else
        {
            AddMatrix(PackNames.Embedding, PackPrecision.Embedding(precision, embedding), embedding);
        }
    }

    private void AddHead()
    {
        PackSource[] head =
            [Source(spec.TiedHead ? "model.embed_tokens.weight" : "lm_head.weight", spec.VocabularySize, spec.HiddenSize)];
        AddMatrix(PackNames.Head, PackPrecision.Head(precision, head), head);
    }

    private void AddAttention(string name, string prefix)
    {
        var attention = prefix + "self_attn.";
        checkpoint.Ignore(attention + "rotary_emb.inv_freq"); // old files store the table that we compute
        AddNorm(name + PackNames.AttentionNorm, prefix + "input_layernorm.weight", spec.HiddenSize);
        AddProjection(name + PackNames.Qkv, Qkv(attention));
        if (spec.QkvBias)
        {
            AddVector(
                PackNames.Bias(name + PackNames.Qkv),
                [
                    .. checkpoint.Vector(attention + "q_proj.bias", QueryRows),
                    .. checkpoint.Vector(attention + "k_proj.bias", KeyRows),
                    .. checkpoint.Vector(attention + "v_proj.bias", KeyRows),
                ]);
        }

        if (spec.QkNorm)
        {
            AddNorm(name + PackNames.QueryNorm, attention + "q_norm.weight", spec.HeadDim);
            AddNorm(name + PackNames.KeyNorm, attention + "k_norm.weight", spec.HeadDim);
        }

        AddProjection(name + PackNames.Output, [Source(attention + "o_proj.weight", spec.HiddenSize, QueryRows)]);
        if (spec.OutputBias)
        {
            AddVector(PackNames.Bias(name + PackNames.Output), checkpoint.Vector(attention + "o_proj.bias", spec.HiddenSize));
        }

        if (spec.Gemma)
        {
            AddNorm(name + PackNames.AttentionOutputNorm, prefix + "post_attention_layernorm.weight", spec.HiddenSize);
        }
    }

    private PackSource[] Qkv(string attention) => spec.FusedProjections
        ? [Source(attention + "qkv_proj.weight", QueryRows + (2 * KeyRows), spec.HiddenSize)] // rows in our order
        :
        [
            Source(attention + "q_proj.weight", QueryRows, spec.HiddenSize),
            Source(attention + "k_proj.weight", KeyRows, spec.HiddenSize),
            Source(attention + "v_proj.weight", KeyRows, spec.HiddenSize),
        ];

    private void AddMlp(int layer, string prefix)
    {
        var name = PackNames.Layer(layer);
        AddNorm(
            name + PackNames.MlpNorm,
            prefix + (spec.Gemma ? "pre_feedforward_layernorm.weight" : "post_attention_layernorm.weight"), spec.HiddenSize);
        if (spec.Experts is { } experts)
        {
            AddExperts(layer, prefix + (checkpoint.Contains(prefix + "mlp.gate.weight") ? "mlp." : "block_sparse_moe."), experts.Count);
        }
        else
        {
            AddDense(name, prefix + "mlp.");
        }

        if (spec.Gemma)
        {
            AddNorm(name + PackNames.MlpOutputNorm, prefix + "post_feedforward_layernorm.weight", spec.HiddenSize);
        }
    }

    private void AddDense(string name, string prefix)
    {
        var (inner, hidden) = (spec.IntermediateSize, spec.HiddenSize);
        if (spec.FusedProjections)
        {
            AddGateAndUp(name, Source(prefix + "gate_up_proj.weight", 2 * inner, hidden));
        }
        else
        {
            AddGateAndUp(name, Source(prefix + "gate_proj.weight", inner, hidden), Source(prefix + "up_proj.weight", inner, hidden));
        }

        AddProjection(name + PackNames.Down, [Source(prefix + "down_proj.weight", hidden, inner)]);
        if (spec.MlpBias)
        {
            AddVector(PackNames.Bias(name + PackNames.Gate), checkpoint.Vector(prefix + "gate_proj.bias", inner));
            AddVector(PackNames.Bias(name + PackNames.Up), checkpoint.Vector(prefix + "up_proj.bias", inner));
            AddVector(PackNames.Bias(name + PackNames.Down), checkpoint.Vector(prefix + "down_proj.bias", hidden));
        }
    }

    /// <summary>
    /// Both spellings: one tensor per expert and weight (w1 = gate, w3 = up, w2 = down), or stacks over the experts.
    /// </summary>
    private void AddExperts(int layer, string prefix, int count)
    {
        var (inner, hidden) = (spec.IntermediateSize, spec.HiddenSize);
        AddMatrix(
            PackNames.Layer(layer) + PackNames.Router, PackPrecision.Router, [Source(prefix + "gate.weight", count, hidden)]);
        var (gateUps, downs) = (prefix + "experts.gate_up_proj", prefix + "experts.down_proj");
        var stacked = checkpoint.Contains(gateUps);
        for (var expert = 0; expert < count; expert++)
        {
            var name = PackNames.Expert(layer, expert);
            var single = $"{prefix}experts.{expert}.";
            if (stacked)
            {
                AddGateAndUp(name, Slice(gateUps, expert, count, 2 * inner, hidden));
            }
            else
            {
                AddGateAndUp(name, Source(single + "w1.weight", inner, hidden), Source(single + "w3.weight", inner, hidden));
            }

            AddProjection(name + PackNames.Down, stacked
                ? [Slice(downs, expert, count, hidden, inner)]
                : [Source(single + "w2.weight", hidden, inner)]);
        }
    }

    /// <summary>From one tensor: rows of gate, then of up.</summary>
    private void AddGateAndUp(string name, PackSource both)
    {
        var inner = spec.IntermediateSize;
        AddGateAndUp(name, both with { Matrix = both.Matrix.Slice(0, inner) }, both with { Matrix = both.Matrix.Slice(inner, inner) });
    }

    /// <summary>They are multiplied together, so one format holds both, also where the checkpoint's types differ.</summary>
    private void AddGateAndUp(string name, PackSource gate, PackSource up)
    {
        var format = PackPrecision.Projection(precision, [gate, up]);
        AddMatrix(name + PackNames.Gate, format, [gate]);
        AddMatrix(name + PackNames.Up, format, [up]);
    }

    private PackSource Source(string tensor, int rows, int columns)
    {
        var matrix = _weights.Matrix(tensor, rows, columns);
        return new PackSource(checkpoint.FileOf(tensor), tensor, matrix);
    }

    private PackSource Slice(string tensor, int index, int count, int rows, int columns)
    {
        var stack = checkpoint.Stack(tensor, count, rows, columns);
        return new PackSource(checkpoint.FileOf(tensor), tensor, stack.Slice(index * rows, rows));
    }

    private void AddProjection(string name, PackSource[] sources) =>
        AddMatrix(name, PackPrecision.Projection(precision, sources), sources);

    private void AddMatrix(string name, WeightFormat format, PackSource[] sources) => _items.Add(new PackItem
    {
        Name = name,
        Format = format,
        Rows = sources.Sum(source => source.Matrix.Rows),
        Columns = sources[0].Matrix.Columns,
        Sources = sources,
    });

    private void AddVector(string name, float[] values) => _items.Add(new PackItem
    {
        Name = name,
        Format = WeightFormat.F32,
        Rows = 1,
        Columns = values.Length,
        Vector = values,
    });

    /// <summary>Gemma stores the offset from 1; the sum is taken once, in float32.</summary>
    private void AddNorm(string name, string tensor, int length)
    {
        var weight = checkpoint.Vector(tensor, length);
        AddVector(name, spec.Gemma ? Array.ConvertAll(weight, value => 1 + value) : weight);
    }
}
