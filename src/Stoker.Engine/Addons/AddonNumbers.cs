using System.Numerics;
using Stoker.Engine.Models;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Addons;

/// <summary>Refuses what is no number in bf16: one NaN or infinity makes every answer with the addon one.</summary>
internal static unsafe class AddonNumbers
{
    // The least magnitude, as bits without the sign, that is no finite bf16; float32 from half a step below 2^128 on rounds to infinity.
    private const ushort OfBf16 = 0x7F80;
    private const ushort OfF16 = 0x7C00;
    private const uint OfF32 = 0x7F7F8000;

    /// <exception cref="ModelLoadException">Names the tensor and the row.</exception>
    public static void Check(AddonModule module)
    {
        Check(module.A, module.Path + LoraModules.SuffixA);
        Check(module.B, module.Path + LoraModules.SuffixB);
    }

    private static void Check(WeightMatrix matrix, string tensor)
    {
        var count = (long)matrix.Rows * matrix.Columns;
        var bad = matrix.Type switch
        {
            TensorType.BF16 => FirstFrom((ushort*)matrix.Data, count, OfBf16, (ushort)0x7FFF),
            TensorType.F16 => FirstFrom((ushort*)matrix.Data, count, OfF16, (ushort)0x7FFF),
            _ => FirstFrom((uint*)matrix.Data, count, OfF32, 0x7FFFFFFFu),
        };
        if (bad >= 0)
        {
            throw new ModelLoadException(
                PeftAddon.WeightsFile, tensor, $"row {bad / matrix.Columns} holds NaN, an infinity or a number that bf16 cannot hold; an answer with it would be none: save the adapter from a state of its training before that");
        }
    }

    /// <summary>Index of the first that is, without its sign, at least this; -1: none.</summary>
    private static long FirstFrom<T>(T* values, long count, T least, T withoutSign) where T : unmanaged, IBinaryInteger<T>
    {
        var index = 0L;
        var (limits, masks) = (new Vector<T>(least), new Vector<T>(withoutSign));
        while (index <= count - Vector<T>.Count && !Vector.GreaterThanOrEqualAny(Vector.Load(values + index) & masks, limits)) index += Vector<T>.Count;
        for (; index < count; index++)
        {
            if ((values[index] & withoutSign) >= least) return index;
        }

        return -1;
    }
}
