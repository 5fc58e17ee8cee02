using Stoker.Engine.Kernels;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Tests.Kernels;

/// <summary>What a set's packing makes of activations, by plain formulas: given to the reference, only sums differ.</summary>
internal static class RoundedActivations
{
    public static float[] Of(ActivationForm form, ReadOnlySpan<float> x, int columns)
    {
        var result = new float[x.Length];
        for (var start = 0; start < x.Length; start += columns)
        {
            var group = form.GroupColumns() is > 0 and var size ? size : columns;
            for (var first = 0; first < columns; first += group)
            {
                var count = Math.Min(group, columns - first);
                Round(form, x.Slice(start + first, count), result.AsSpan(start + first, count));
            }
        }

        return result;
    }

    private static void Round(ActivationForm form, ReadOnlySpan<float> x, Span<float> result)
    {
        var largest = 0f;
        foreach (var value in x) largest = MathF.Max(largest, MathF.Abs(value));
        for (var k = 0; k < x.Length; k++)
        {
            result[k] = form switch
            {
                ActivationForm.F32 => x[k],
                ActivationForm.Bf16 => BFloat16.ToSingle(BFloat16.FromSingle(x[k])),
                _ => largest < 1e-30f ? 0 : MathF.Round(x[k] * (127 / largest)) * (largest / 127),
            };
        }
    }
}
