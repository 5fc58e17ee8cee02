using Stoker.Engine.Models.Quantized;

namespace Stoker.Engine.Models;

internal enum Activation
{
    Silu, GeluTanh,
}

/// <summary>
/// Mixture of experts: each token goes through <paramref name="PerToken"/> of <paramref name="Count"/>.
/// </summary>
internal sealed record ExpertSpec(int Count, int PerToken);

/// <param name="Window">Positions a query sees, itself included; 0: all.</param>
/// <param name="Rope">Index into <see cref="DecoderSpec.Ropes"/>.</param>
internal sealed record LayerSpec(int Window, int Rope);

/// <summary>
/// Everything that decides a decoder's numbers: the normal form of config.json over all architectures.
/// </summary>
/// <remarks>
/// The graph has no architecture names in it, only these switches; <see cref="Architectures"/> sets them.
/// </remarks>
internal sealed record DecoderSpec
{
    public required string Architecture { get; init; }

    public required int HiddenSize { get; init; }

    public required int IntermediateSize { get; init; }

    public required int VocabularySize { get; init; }

    public required int Heads { get; init; }

    public required int KvHeads { get; init; }

    public required int HeadDim { get; init; }

    /// <summary>Leading dimensions of a head that rope turns; the rest pass unchanged.</summary>
    public required int RotatedDims { get; init; }

    public required float NormEpsilon { get; init; }

    public required Activation Activation { get; init; }

    public required IReadOnlyList<LayerSpec> Layers { get; init; }

    public required IReadOnlyList<RopeParameters> Ropes { get; init; }

    /// <summary>Positions served unless the user asks for another number.</summary>
    public required int ContextLength { get; init; }

    /// <summary>Positions that a user may ask for.</summary>
    public required int MaxContextLength { get; init; }

    public required bool TiedHead { get; init; }

    /// <summary>Null: all weights are stored as numbers.</summary>
    public Quantization? Quantization { get; init; }

    /// <summary>Scores are multiplied by this: head dim^-0.5, or another size's.</summary>
    public required double AttentionFactor { get; init; }

    public bool QkvBias { get; init; }

    public bool OutputBias { get; init; }

    public bool MlpBias { get; init; }

    /// <summary>RMS norm over each head of q and k, before rope.</summary>
    public bool QkNorm { get; init; }

    /// <summary>q, k, v stored as one weight, and gate, up as one.</summary>
    public bool FusedProjections { get; init; }

    /// <summary>
    /// Gemma: norms multiply by 1 + w, also after attention and MLP; the embedding is multiplied by sqrt(hidden).
    /// </summary>
    public bool Gemma { get; init; }

    /// <summary>0: none.</summary>
    public double AttentionSoftCap { get; init; }

    /// <summary>0: none.</summary>
    public double FinalSoftCap { get; init; }

    public ExpertSpec? Experts { get; init; }
}
