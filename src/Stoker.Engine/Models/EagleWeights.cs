using Stoker.Engine.Weights;

namespace Stoker.Engine.Models;

/// <summary>The weights of an EAGLE head by their place in its graph.</summary>
internal sealed record EagleWeights
{
    /// <summary>[vocabulary, hidden]; its own, or the target's.</summary>
    public required PanelMatrix Embedding { get; init; }

    /// <summary>[hidden, embedding then state].</summary>
    public required Linear Join { get; init; }

    /// <summary>Rows of q, then of k, then of v.</summary>
    public required PanelMatrix Qkv { get; init; }

    public required PanelMatrix Output { get; init; }

    public required float[] MlpNorm { get; init; }

    public required MlpWeights Mlp { get; init; }

    /// <summary>[vocabulary, hidden]; the target's.</summary>
    public required PanelMatrix Head { get; init; }

    public static EagleWeights From(DecoderSpec spec, PackedWeights packed, DecoderModel target)
    {
        var name = PackNames.Layer(0);
        var (hidden, queries, keys) = (spec.HiddenSize, spec.Heads * spec.HeadDim, spec.KvHeads * spec.HeadDim);
        return new EagleWeights
        {
            Embedding = packed.Matrices.ContainsKey(PackNames.Embedding)
                ? packed.Matrix(PackNames.Embedding, spec.VocabularySize, hidden)
                : target.Embedding,
            Join = Linear.From(packed, EagleDraft.Join, hidden, 2 * hidden, packed.Vectors.ContainsKey(PackNames.Bias(EagleDraft.Join))),
            Qkv = packed.Matrix(name + PackNames.Qkv, queries + (2 * keys), hidden),
            Output = packed.Matrix(name + PackNames.Output, hidden, queries),
            MlpNorm = packed.Vector(name + PackNames.MlpNorm, hidden),
            Mlp = MlpWeights.From(spec, packed, name),
            Head = target.Head,
        };
    }
}
