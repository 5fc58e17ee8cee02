using Stoker.Engine.Weights;

namespace Stoker.Engine.Models;

/// <summary>
/// The weights of a decoder by their place in the graph. Matrices are views into the checkpoint; vectors are float32
/// copies.
/// </summary>
internal sealed record DecoderWeights
{
    public required WeightMatrix Embedding { get; init; }

    public required IReadOnlyList<LayerWeights> Layers { get; init; }

    public required float[] FinalNorm { get; init; }

    /// <summary>[vocabulary, hidden]; the embedding itself when they are tied.</summary>
    public required WeightMatrix Head { get; init; }
}

/// <summary>One layer. Norms of Gemma already hold 1 + w.</summary>
internal sealed record LayerWeights
{
    public required float[] AttentionNorm { get; init; }

    public required Linear Query { get; init; }

    public required Linear Key { get; init; }

    public required Linear Value { get; init; }

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
    public WeightMatrix? Router { get; init; }

    /// <summary>One entry, or one per expert.</summary>
    public required IReadOnlyList<MlpWeights> Mlps { get; init; }
}

/// <summary>down( act(gate x) · (up x) ).</summary>
internal sealed record MlpWeights(Linear Gate, Linear Up, Linear Down);

/// <summary>y = W x + b; W: [outputs, inputs].</summary>
internal sealed record Linear(WeightMatrix Weight, float[]? Bias);
