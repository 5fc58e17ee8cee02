using Stoker.Engine.Weights;

namespace Stoker.Engine.Models;

/// <summary>
/// Finds every tensor of the graph in a checkpoint under its Hugging Face name, with exactly the shape the config asks
/// for.
/// </summary>
/// <remarks>Works on headers alone too: that is how an upload is validated.</remarks>
internal sealed class DecoderWeightsReader(DecoderSpec spec, Checkpoint checkpoint)
{
    private int QueryRows => spec.Heads * spec.HeadDim;

    private int KeyRows => spec.KvHeads * spec.HeadDim;

    /// <exception cref="ModelLoadException">A tensor is missing, has another shape or type, or has no place in the
    /// graph.</exception>
    public DecoderWeights Read()
    {
        var embedding = checkpoint.Matrix("model.embed_tokens.weight", spec.VocabularySize, spec.HiddenSize);
        if (spec.TiedHead)
        {
            checkpoint.Ignore("lm_head.weight"); // some writers store the tied matrix twice; the embedding counts
        }

        var weights = new DecoderWeights
        {
            Embedding = embedding,
            Layers = [.. Enumerable.Range(0, spec.Layers.Count).Select(ReadLayer)],
            FinalNorm = Norm("model.norm.weight", spec.HiddenSize),
            Head = spec.TiedHead ? embedding : checkpoint.Matrix("lm_head.weight", spec.VocabularySize, spec.HiddenSize),
        };
        checkpoint.RefuseUnclaimed(spec.Architecture);
        return weights;
    }

    private LayerWeights ReadLayer(int layer)
    {
        var prefix = $"model.layers.{layer}.";
        var attention = prefix + "self_attn.";
        checkpoint.Ignore(attention + "rotary_emb.inv_freq"); // old files store the table that we compute
        var (query, key, value) = spec.FusedProjections ? FusedQkv(attention) : SeparateQkv(attention);
        return new LayerWeights
        {
            AttentionNorm = Norm(prefix + "input_layernorm.weight", spec.HiddenSize),
            Query = query,
            Key = key,
            Value = value,
            Output = Linear(attention + "o_proj", spec.HiddenSize, QueryRows, spec.OutputBias),
            QueryNorm = spec.QkNorm ? Norm(attention + "q_norm.weight", spec.HeadDim) : null,
            KeyNorm = spec.QkNorm ? Norm(attention + "k_norm.weight", spec.HeadDim) : null,
            AttentionOutputNorm = spec.Gemma ? Norm(prefix + "post_attention_layernorm.weight", spec.HiddenSize) : null,
            MlpNorm = Norm(
                prefix + (spec.Gemma ? "pre_feedforward_layernorm.weight" : "post_attention_layernorm.weight"), spec.HiddenSize),
            MlpOutputNorm = spec.Gemma ? Norm(prefix + "post_feedforward_layernorm.weight", spec.HiddenSize) : null,
            Router = spec.Experts is { } experts
                ? checkpoint.Matrix(ExpertPrefix(prefix) + "gate.weight", experts.Count, spec.HiddenSize)
                : null,
            Mlps = spec.Experts is null ? [DenseMlp(prefix + "mlp.")] : Experts(ExpertPrefix(prefix), spec.Experts.Count),
        };
    }

    private (Linear Query, Linear Key, Linear Value) SeparateQkv(string attention) => (
        Linear(attention + "q_proj", QueryRows, spec.HiddenSize, spec.QkvBias),
        Linear(attention + "k_proj", KeyRows, spec.HiddenSize, spec.QkvBias),
        Linear(attention + "v_proj", KeyRows, spec.HiddenSize, spec.QkvBias));

    /// <summary>Rows of the fused weight: q, then k, then v.</summary>
    private (Linear Query, Linear Key, Linear Value) FusedQkv(string attention)
    {
        var fused = checkpoint.Matrix(attention + "qkv_proj.weight", QueryRows + (2 * KeyRows), spec.HiddenSize);
        return (
            new Linear(fused.Slice(0, QueryRows), null),
            new Linear(fused.Slice(QueryRows, KeyRows), null),
            new Linear(fused.Slice(QueryRows + KeyRows, KeyRows), null));
    }

    private MlpWeights DenseMlp(string prefix)
    {
        var (inner, hidden) = (spec.IntermediateSize, spec.HiddenSize);
        var down = Linear(prefix + "down_proj", hidden, inner, spec.MlpBias);
        if (!spec.FusedProjections)
        {
            return new MlpWeights(
                Linear(prefix + "gate_proj", inner, hidden, spec.MlpBias), Linear(prefix + "up_proj", inner, hidden, spec.MlpBias), down);
        }

        var fused = checkpoint.Matrix(prefix + "gate_up_proj.weight", 2 * inner, hidden);
        return new MlpWeights(new Linear(fused.Slice(0, inner), null), new Linear(fused.Slice(inner, inner), null), down);
    }

    /// <summary>
    /// Both spellings: one tensor per expert and weight (w1 = gate, w3 = up, w2 = down), or stacks over the experts.
    /// </summary>
    private MlpWeights[] Experts(string prefix, int count)
    {
        var (inner, hidden) = (spec.IntermediateSize, spec.HiddenSize);
        if (!checkpoint.Contains(prefix + "experts.gate_up_proj"))
        {
            return [.. Enumerable.Range(0, count).Select(expert => new MlpWeights(
                Linear($"{prefix}experts.{expert}.w1", inner, hidden, false),
                Linear($"{prefix}experts.{expert}.w3", inner, hidden, false),
                Linear($"{prefix}experts.{expert}.w2", hidden, inner, false)))];
        }

        var gateUp = checkpoint.Stack(prefix + "experts.gate_up_proj", count, 2 * inner, hidden);
        var down = checkpoint.Stack(prefix + "experts.down_proj", count, hidden, inner);
        return [.. Enumerable.Range(0, count).Select(expert => new MlpWeights(
            new Linear(gateUp.Slice(expert * 2 * inner, inner), null),
            new Linear(gateUp.Slice((expert * 2 * inner) + inner, inner), null),
            new Linear(down.Slice(expert * hidden, hidden), null)))];
    }

    private string ExpertPrefix(string layer) =>
        layer + (checkpoint.Contains(layer + "mlp.gate.weight") ? "mlp." : "block_sparse_moe.");

    private Linear Linear(string name, int outputs, int inputs, bool bias) => new(
        checkpoint.Matrix(name + ".weight", outputs, inputs), bias ? checkpoint.Vector(name + ".bias", outputs) : null);

    /// <summary>Gemma stores the offset from 1; the sum is taken once, in float32.</summary>
    private float[] Norm(string name, int length)
    {
        var weight = checkpoint.Vector(name, length);
        return spec.Gemma ? Array.ConvertAll(weight, value => 1 + value) : weight;
    }
}
