using Stoker.Engine.Kernels;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Models;

/// <summary>The weights of a decoder by their place in the graph.</summary>
internal sealed record DecoderWeights
{
    /// <summary>[vocabulary, hidden]; the head itself when they are tied.</summary>
    public required PanelMatrix Embedding { get; init; }

    /// <summary>Multiplies every embedding; 1 but for Gemma.</summary>
    public required float EmbeddingFactor { get; init; }

    public required LayerWeights[] Layers { get; init; }

    public required float[] FinalNorm { get; init; }

    /// <summary>[vocabulary, hidden].</summary>
    public required PanelMatrix Head { get; init; }

    /// <exception cref="ModelLoadException">A matrix or vector of the graph is missing or has another shape.</exception>
    public static DecoderWeights From(DecoderSpec spec, PackedWeights packed)
    {
        var head = packed.Matrix(PackNames.Head, spec.VocabularySize, spec.HiddenSize);
        return new DecoderWeights
        {
            Embedding = spec.TiedHead ? head : packed.Matrix(PackNames.Embedding, spec.VocabularySize, spec.HiddenSize),
            EmbeddingFactor = spec.Gemma ? packed.Vector(PackNames.EmbeddingFactor, 1)[0] : 1,
            Layers = [.. Enumerable.Range(0, spec.Layers.Count).Select(layer => LayerWeights.From(spec, packed, layer))],
            FinalNorm = packed.Vector(PackNames.FinalNorm, spec.HiddenSize),
            Head = head,
        };
    }
}

/// <summary>One layer. Norms of Gemma already hold 1 + w.</summary>
internal sealed record LayerWeights
{
    public required float[] AttentionNorm { get; init; }

    /// <summary>Rows of q, then of k, then of v.</summary>
    public required Linear Qkv { get; init; }

    public required Linear Output { get; init; }

    /// <summary>Over each head of q, [head dim]; with it there is one for k.</summary>
    public float[]? QueryNorm { get; init; }

    public float[]? KeyNorm { get; init; }

    /// <summary>Gemma: of the attention's output, before it joins the residual stream.</summary>
    public float[]? AttentionOutputNorm { get; init; }

    public required float[] MlpNorm { get; init; }

    /// <summary>Gemma: of the MLP's output.</summary>
    public float[]? MlpOutputNorm { get; init; }

    /// <summary>[experts, hidden]; null: one dense MLP.</summary>
    public PanelMatrix? Router { get; init; }

    /// <summary>One entry, or one per expert.</summary>
    public required MlpWeights[] Mlps { get; init; }

    public static LayerWeights From(DecoderSpec spec, PackedWeights packed, int layer)
    {
        var name = PackNames.Layer(layer);
        var (queries, keys) = (spec.Heads * spec.HeadDim, spec.KvHeads * spec.HeadDim);
        return new LayerWeights
        {
            AttentionNorm = packed.Vector(name + PackNames.AttentionNorm, spec.HiddenSize),
            Qkv = Linear.From(packed, name + PackNames.Qkv, queries + (2 * keys), spec.HiddenSize, spec.QkvBias),
            Output = Linear.From(packed, name + PackNames.Output, spec.HiddenSize, queries, spec.OutputBias),
            QueryNorm = spec.QkNorm ? packed.Vector(name + PackNames.QueryNorm, spec.HeadDim) : null,
            KeyNorm = spec.QkNorm ? packed.Vector(name + PackNames.KeyNorm, spec.HeadDim) : null,
            AttentionOutputNorm = spec.Gemma ? packed.Vector(name + PackNames.AttentionOutputNorm, spec.HiddenSize) : null,
            MlpNorm = packed.Vector(name + PackNames.MlpNorm, spec.HiddenSize),
            MlpOutputNorm = spec.Gemma ? packed.Vector(name + PackNames.MlpOutputNorm, spec.HiddenSize) : null,
            Router = spec.Experts is { } experts ? packed.Matrix(name + PackNames.Router, experts.Count, spec.HiddenSize) : null,
            Mlps = spec.Experts is null
                ? [MlpWeights.From(spec, packed, name)]
                : [.. Enumerable.Range(0, spec.Experts.Count).Select(
                    expert => MlpWeights.From(spec, packed, PackNames.Expert(layer, expert)))],
        };
    }
}

/// <summary>down( act(gate x) · (up x) ).</summary>
internal sealed record MlpWeights(GatedPanels GateUp, Linear Down)
{
    public static MlpWeights From(DecoderSpec spec, PackedWeights packed, string name)
    {
        var gate = Linear.From(packed, name + PackNames.Gate, spec.IntermediateSize, spec.HiddenSize, spec.MlpBias);
        var up = Linear.From(packed, name + PackNames.Up, spec.IntermediateSize, spec.HiddenSize, spec.MlpBias);
        if (up.Weight.Format != gate.Weight.Format)
        {
            throw packed.Unfit(name + PackNames.Up, $"is {up.Weight.Format}, its gate {gate.Weight.Format}: they go together");
        }

        return new(
            new GatedPanels(gate.Weight, up.Weight, gate.Bias, up.Bias, spec.Activation),
            Linear.From(packed, name + PackNames.Down, spec.HiddenSize, spec.IntermediateSize, spec.MlpBias));
    }
}

/// <summary>y = W x + b; W: [outputs, inputs].</summary>
internal sealed record Linear(PanelMatrix Weight, float[]? Bias)
{
    public static Linear From(PackedWeights packed, string name, int outputs, int inputs, bool bias) => new(
        packed.Matrix(name, outputs, inputs), bias ? packed.Vector(PackNames.Bias(name), outputs) : null);
}
