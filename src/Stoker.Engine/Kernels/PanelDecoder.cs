using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Stoker.Engine.Native;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Kernels;

/// <summary>
/// Decodes a panel's block into the layout of a wider format, once for all tiles that meet it. The scratch belongs to the
/// thread and stays in its level-2 cache.
/// </summary>
internal static unsafe class PanelDecoder
{
    [ThreadStatic]
    private static AlignedMemory? _scratch;

    /// <summary>Fp8 to Bf16 without the rows' scales, Fp4 to F32 with its scales. Valid until the thread's next call.</summary>
    /// <param name="weights">The block's first column.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static byte* Decode(WeightFormat format, byte* weights, int columns)
    {
        var decoded = format == WeightFormat.Fp8 ? WeightFormat.Bf16 : WeightFormat.F32;
        var target = Scratch(PanelLayout.ColumnOffset(decoded, columns));
        if (format == WeightFormat.Fp8)
        {
            for (var k = 0; k < columns; k += 4)
            {
                DecodeFp8Quad(weights + ((long)k * PanelLayout.Rows), (uint*)target + (k / 2 * PanelLayout.Rows));
            }
        }
        else
        {
            for (var k = 0; k < columns; k += PanelLayout.Fp4Group)
            {
                DecodeFp4Group(weights + PanelLayout.ColumnOffset(format, k), (float*)target + ((long)k * PanelLayout.Rows));
            }
        }

        return target;
    }

    private static byte* Scratch(long bytes)
    {
        if (_scratch is null || _scratch.LengthBytes < bytes)
        {
            _scratch?.Dispose();
            _scratch = new AlignedMemory(bytes);
        }

        return _scratch.Start;
    }

    /// <summary>Four columns of 32 rows: [2 halves][4 quarters][2 pairs][4 rows][2] u8 to [2 pairs][32 rows][2] bf16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void DecodeFp8Quad(byte* source, uint* target)
    {
        for (var half = 0; half < 2; half++)
        {
            for (var part = 0; part < 2; part++)
            {
                var bytes = Vector512.WidenLower(
                    Vector256.Load((ushort*)(source + (half * 64) + (part * 32))).ToVector512Unsafe());
                var first = Widen(bytes & Vector512.Create(0xFFu)) >>> 16;
                var both = first | (Widen(bytes >>> 8) & Vector512.Create(0xFFFF0000u));
                var rows = target + (half * 16) + (part * 8);
                both.GetLower().GetLower().Store(rows);
                both.GetLower().GetUpper().Store(rows + PanelLayout.Rows);
                both.GetUpper().GetLower().Store(rows + 4);
                both.GetUpper().GetUpper().Store(rows + PanelLayout.Rows + 4);
            }
        }
    }

    /// <summary>
    /// E4M3 in the low byte to float32: shifted into place, the exponent is 120 too small, which one multiplication mends,
    /// for subnormals too. A code of NaN does not occur.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Widen(Vector512<uint> code)
    {
        var magnitude = ((code & Vector512.Create(0x7Fu)) << 20).AsSingle() * Vector512.Create(1.329227995784916e36f);
        return magnitude.AsUInt32() | ((code & Vector512.Create(0x80u)) << 24);
    }

    /// <summary>32 columns of 32 rows to [32][32 rows] f32.</summary>
    private static void DecodeFp4Group(byte* source, float* target)
    {
        var scales = (Half*)(source + (PanelLayout.Fp4Group * PanelLayout.Rows / 2));
        var factors = stackalloc float[PanelLayout.Rows];
        for (var row = 0; row < PanelLayout.Rows; row++)
        {
            factors[row] = (float)scales[row];
        }

        for (var quads = 0; quads < 4; quads++)
        {
            for (var half = 0; half < 2; half++)
            {
                var codes = Vector512.Load((uint*)source + (quads * PanelLayout.Rows) + (half * 16));
                var factor = Vector512.Load(factors + (half * 16));
                var columns = target + (quads * 8 * PanelLayout.Rows) + (half * 16);
                for (var i = 0; i < 4; i++, codes >>>= 8)
                {
                    (Doubled(codes) * factor).Store(columns + (i * PanelLayout.Rows));
                    (Doubled(codes >>> 4) * factor).Store(columns + ((4 + i) * PanelLayout.Rows));
                }
            }
        }
    }

    /// <summary>E2M1 in the low four bits to float32, times two: the exponent is 127 too small.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Doubled(Vector512<uint> code)
    {
        var magnitude = ((code & Vector512.Create(7u)) << 22).AsSingle() * Vector512.Create(1.7014118346046923e38f);
        return (magnitude.AsUInt32() | ((code & Vector512.Create(8u)) << 28)).AsSingle();
    }
}
