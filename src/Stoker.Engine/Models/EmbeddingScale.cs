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
}
