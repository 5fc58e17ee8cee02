using Stoker.Engine.Weights;

namespace Stoker.Engine.Models;

/// <summary>Gemma's factor of every embedding.</summary>
internal static class EmbeddingScale
{
    /// <summary>
    /// sqrt(hidden) as the reference computes it: rounded to the type of the weights first (55.5 for 3072 in bf16).
    /// </summary>
    public static float Of(int hidden, TensorType type)
    {
        var factor = MathF.Sqrt(hidden);
        return type switch
        {
            TensorType.F16 => (float)(Half)factor,
            TensorType.BF16 => BFloat16.ToSingle(BFloat16.FromSingle(factor)),
            _ => factor,
        };
    }
}
