using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Kernels;

/// <summary>Rounds and quantises activations, and turns a tile of tokens so that the kernels read it as one stream.</summary>
/// <remarks>
/// A chunk of columns at a time: each token's values become 32-bit units in a scratch of 4 KiB, then the scratch is
/// transposed. All vector widths give the same bits: only multiplications, additions and exact operations.
/// </remarks>
internal static unsafe class ActivationPacker
{
    private const int ChunkColumns = 128;
    private const int RounderBits = 0x4B400000; // of 1.5 · 2^23

    /// <summary>Below this a group is zero: 127 / largest would overflow, and no model lives at 1e-30.</summary>
    private const float Smallest = 1e-30f;

    /// <param name="x">[mr][stride].</param>
    /// <param name="columns">That x has.</param>
    /// <param name="padded">That the target gets: zeros after those of x. Even; a multiple of 32 in the forms with groups.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public static void Pack(ActivationForm form, float* x, int stride, int columns, int padded, int mr, byte* target)
    {
        var scratch = stackalloc uint[KernelSet.TileTokens * ChunkColumns];
        var tail = stackalloc float[ChunkColumns];
        var chunk = form.GroupColumns() is > 0 and var group ? group : ChunkColumns;
        for (var first = 0; first < padded; first += chunk)
        {
            var count = Math.Min(chunk, padded - first);
            var starts = (int*)target;
            var scales = (float*)target + mr;
            var data = (uint*)(form.GroupColumns() > 0 ? target + (mr * ActivationForms.GroupHeaderBytes) : target);
            for (var t = 0; t < mr; t++)
            {
                var source = x + ((long)t * stride) + first;
                if (columns - first < count)
                {
                    source = WithZeros(source, columns - first, tail, count);
                }

                var units = scratch + (t * ChunkColumns);
                switch (form)
                {
                    case ActivationForm.F32:
                        Unsafe.CopyBlockUnaligned(units, source, (uint)count * sizeof(float));
                        break;
                    case ActivationForm.Bf16:
                        ToBf16(source, count, (ushort*)units);
                        break;
                    case ActivationForm.Int16Group128:
                        starts[t] = -128 * Quantise(source, count, units, wide: true, out scales[t]);
                        break;
                    default:
                        var bias = form == ActivationForm.Int8Group128 ? -128 : -Fp4.Bias;
                        starts[t] = RounderBits + (bias * Quantise(source, count, units, wide: false, out scales[t]));
                        break;
                }
            }

            target = (byte*)Transpose(form, scratch, count, mr, data);
        }
    }

    private static uint* Transpose(ActivationForm form, uint* scratch, int columns, int mr, uint* target)
    {
        var units = form switch
        {
            ActivationForm.F32 => columns,
            ActivationForm.Bf16 or ActivationForm.Int16Group128 => columns / 2,
            _ => columns / 4,
        };
        if (form == ActivationForm.Int16Group128)
        {
            TransposeWide((ulong*)scratch, units / 2, mr, (ulong*)target);
        }
        else
        {
            Transposition.Run(scratch, ChunkColumns, mr, units, target);
        }

        return target + (units * mr);
    }

    private static void TransposeWide(ulong* scratch, int units, int mr, ulong* target)
    {
        for (var t = 0; t < mr; t++)
        {
            for (var unit = 0; unit < units; unit++)
            {
                target[(unit * mr) + t] = scratch[(t * ChunkColumns / 2) + unit];
            }
        }
    }

    private static float* WithZeros(float* source, int valid, float* tail, int count)
    {
        new Span<float>(tail, count).Clear();
        if (valid > 0)
        {
            new ReadOnlySpan<float>(source, valid).CopyTo(new Span<float>(tail, count));
        }

        return tail;
    }

    /// <summary>The bits of <see cref="BFloat16.FromSingle"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ToBf16(float* source, int count, ushort* target)
    {
        var k = 0;
        for (; k <= count - 32; k += 32)
        {
            Vector512.Narrow(Rounded(source + k), Rounded(source + k + 16)).Store(target + k);
        }

        for (; k < count; k++)
        {
            target[k] = BFloat16.FromSingle(source[k]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Rounded(float* source)
    {
        var value = Vector512.Load(source);
        var bits = value.AsUInt32();
        var rounded = (bits + Vector512.Create(0x7FFFu) + ((bits >>> 16) & Vector512.Create(1u))) >>> 16;
        var nan = (bits >>> 16) | Vector512.Create(0x40u); // rounding some NaNs would carry into the sign and leave a zero
        return Vector512.ConditionalSelect(Vector512.Equals(value, value).AsUInt32(), rounded, nan);
    }

    /// <summary>One token's group (a multiple of 32 columns): scale = largest / 127. Returns the sum of the integers.</summary>
    /// <remarks>A NaN or an infinity makes the scale one, so that it reaches the outputs and is not quietly rounded away.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Quantise(float* source, int count, uint* target, bool wide, out float scale)
    {
        var magnitude = Vector512.Create(0x7FFFFFFF);
        var largestBits = Vector512<int>.Zero; // as integers: the order of positive floats, with NaN above all
        for (var k = 0; k < count; k += 16)
        {
            largestBits = Vector512.Max(largestBits, Vector512.Load((int*)source + k) & magnitude);
        }

        var largest = Largest(largestBits);
        scale = largest < Smallest ? 0 : largest / 127;
        var inverse = Vector512.Create(largest < Smallest ? 0 : 127 / largest);
        var (rounder, sums) = (Vector512.Create(ActivationForms.Rounder), Vector512<int>.Zero);
        for (var k = 0; k < count; k += 32)
        {
            var low = ((Vector512.Load(source + k) * inverse) + rounder).AsInt32() - rounder.AsInt32();
            var high = ((Vector512.Load(source + k + 16) * inverse) + rounder).AsInt32() - rounder.AsInt32();
            sums += low + high;
            var words = Vector512.Narrow(low, high);
            if (wide)
            {
                EvenFirst(words).Store((short*)target + k);
            }
            else
            {
                Vector512.Narrow(words, words).GetLower().Store((sbyte*)target + k);
            }
        }

        return Vector512.Sum(sums);
    }

    private static float Largest(Vector512<int> bits)
    {
        var half = Vector256.Max(bits.GetLower(), bits.GetUpper());
        var quarter = Vector128.Max(half.GetLower(), half.GetUpper());
        quarter = Vector128.Max(quarter, Vector128.Shuffle(quarter, Vector128.Create(2, 3, 0, 1)));
        return BitConverter.Int32BitsToSingle(Math.Max(quarter.ToScalar(), quarter.GetElement(1)));
    }

    /// <summary>Of every four (0 1 2 3) becomes (0 2 1 3).</summary>
    private static Vector512<short> EvenFirst(Vector512<short> words) =>
        Vector512.Create(
            Vector256.Create(EvenFirst(words.GetLower().GetLower()), EvenFirst(words.GetLower().GetUpper())),
            Vector256.Create(EvenFirst(words.GetUpper().GetLower()), EvenFirst(words.GetUpper().GetUpper())));

    private static Vector128<short> EvenFirst(Vector128<short> words) =>
        Vector128.Shuffle(words, Vector128.Create(0, 2, 1, 3, 4, 6, 5, 7));
}
