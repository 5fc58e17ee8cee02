using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Stoker.Engine.Weights;

/// <summary>
/// E4M3 with one float32 scale per row, at least its largest magnitude / 448; to the nearest, saturating. Rows that are
/// stored so keep their codes and their scale.
/// </summary>
internal static unsafe class Fp8Quantizer
{
    private const int PartColumns = 128;

    /// <summary>
    /// 2^(i/8), over one octave. Written out, because math libraries differ in the last bit and the bytes of a packed file
    /// must not. On story-3m the mean divergence of the next token falls from 5.6e-3 to 4.8e-3 against the scale that
    /// maps the largest magnitude to 448.
    /// </summary>
    private static ReadOnlySpan<float> Stretches =>
        [1, 1.0905077f, 1.1892071f, 1.2968396f, 1.4142135f, 1.5422108f, 1.6817929f, 1.8340081f];

    /// <summary>Below this a row is zero: 448 / largest would overflow.</summary>
    private const float Smallest = 1e-30f;

    /// <summary>1.5 · 2^14: added to a number below 2^-6 it leaves its multiple of 2^-9 in the low bits.</summary>
    private const float SubnormalRounder = 24576f;

    public static void WriteRowScales(SourceRow* rows, int columns, float* scales, float* inverses, int firstRow)
    {
        var values = stackalloc float[PartColumns];
        for (var row = 0; row < PanelLayout.Rows; row++)
        {
            if (rows[row].IsFp8)
            {
                (scales[row], inverses[row]) = (rows[row].LargestScale, 0); // its codes are copied
                if (rows[row].HasNanCode(columns)) throw Int8Quantizer.NotFinite(firstRow + row, WeightFormat.Fp8);
                continue;
            }

            var largest = 0f;
            for (var first = 0; first < columns; first += PartColumns)
            {
                var count = Math.Min(PartColumns, columns - first);
                rows[row].Widen(first, count, count, values);
                largest = Math.Max(largest, Int8Quantizer.FiniteLargest(values, count, firstRow + row, WeightFormat.Fp8));
            }

            (scales[row], inverses[row]) = largest < Smallest ? (0, 0) : BestScale(rows[row], columns, largest, values);
        }
    }

    /// <summary>
    /// Rounding errs by a share of a number's power of two, so what counts is where a row's bulk lies between two powers:
    /// of eight scales over one octave, the one with the least squared error. Subnormals, at 1/28,000 of the largest
    /// magnitude, do not count. A row of codes under several scales brings a ninth: its largest one, moved by powers of two
    /// into that octave. Where the others are powers of two of it, as in checkpoints with scales of 8 bits, no code is
    /// rounded.
    /// </summary>
    private static (float Scale, float Inverse) BestScale(SourceRow row, int columns, float largest, float* values)
    {
        const int Most = 9;
        float* scales = stackalloc float[Most], inverses = stackalloc float[Most], errors = stackalloc float[Most];
        new Span<float>(errors, Most).Clear();
        var count = 0;
        for (; count < Stretches.Length; count++)
        {
            var stretched = largest * Stretches[count];
            (scales[count], inverses[count]) = (stretched / Fp8.Largest, Fp8.Largest / stretched);
        }

        if (row.LargestScale is var stored and > 0)
        {
            var moved = StoredScale(stored, largest);
            (scales[count], inverses[count++]) = (moved, 1 / moved);
        }

        for (var first = 0; first < columns; first += PartColumns)
        {
            var valid = Math.Min(PartColumns, columns - first);
            row.Widen(first, valid, PartColumns, values);
            for (var i = 0; i < count; i++) errors[i] += SquaredError(values, inverses[i]);
        }

        var best = 0;
        for (var i = 1; i < count; i++)
        {
            best = errors[i] < errors[best] ? i : best;
        }

        return (scales[best], inverses[best]);
    }

    /// <summary>Times the power of two that brings the row's largest magnitude between 224 and 448.</summary>
    private static float StoredScale(float stored, float largest)
    {
        var ratio = largest / (stored * Fp8.Largest);
        var power = MathF.ILogB(ratio);
        return MathF.ScaleB(stored, ratio > MathF.ScaleB(1, power) ? power + 1 : power);
    }

    private static float SquaredError(float* values, float inverse)
    {
        var sum = Vector512<float>.Zero;
        for (var k = 0; k < PartColumns; k += 16)
        {
            var scaled = Vector512.Load(values + k) * inverse;
            var bits = scaled.AsUInt32();
            var rounded = ((bits + Vector512.Create(0x7FFFFu) + ((bits >>> 20) & Vector512.Create(1u))) & Vector512.Create(0xFFF00000u)).AsSingle();
            var error = rounded - scaled;
            sum += error * error;
        }

        return Vector512.Sum(sum) / (inverse * inverse);
    }

    /// <summary>The bits of <see cref="Fp8.FromSingle"/> of value · inverse, for a multiple of 16 finite values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Quantise(float* values, int count, float inverse, byte* target)
    {
        var factor = Vector512.Create(inverse);
        for (var k = 0; k < count; k += 16)
        {
            var scaled = Vector512.Load(values + k) * factor;
            var magnitude = Vector512.Min(Vector512.Abs(scaled), Vector512.Create(Fp8.Largest));
            var rounder = Vector512.Create(SubnormalRounder);
            var subnormal = (magnitude + rounder).AsUInt32() - rounder.AsUInt32();
            var bits = magnitude.AsUInt32();
            var normal = ((bits + Vector512.Create(0x7FFFFu) + ((bits >>> 20) & Vector512.Create(1u))) >>> 20)
                - Vector512.Create(120u << 3);
            var isSubnormal = Vector512.LessThan(magnitude, Vector512.Create(0.015625f)).AsUInt32();
            var code = Vector512.ConditionalSelect(isSubnormal, subnormal, normal) | ((scaled.AsUInt32() >>> 24) & Vector512.Create(0x80u));
            var words = Vector512.Narrow(code, code);
            Vector512.Narrow(words, words).GetLower().GetLower().Store(target + k);
        }
    }

    /// <summary>[32 rows][stride] pairs of columns to the panel's order, see <see cref="PanelLayout"/>.</summary>
    public static void Arrange(ushort* pairs, int stride, int columns, byte* target)
    {
        for (var row = 0; row < PanelLayout.Rows; row++)
        {
            var rowTarget = (ushort*)(target + Fp8.Offset(row, 0));
            for (var pair = 0; pair < columns / 2; pair++)
            {
                rowTarget[(pair / 2 * 64) + (pair % 2 * 4)] = pairs[(row * stride) + pair];
            }
        }
    }
}
