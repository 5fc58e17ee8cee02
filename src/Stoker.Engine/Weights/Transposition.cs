using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Stoker.Engine.Weights;

/// <summary>Turns rows of 32-bit units into columns: what makes one stream of the rows of a panel or the tokens of a tile.</summary>
internal static unsafe class Transposition
{
    /// <summary>source [rows][sourceStride], of which <paramref name="count"/> are taken, to target [count][rows].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(uint* source, int sourceStride, int rows, int count, uint* target)
    {
        var done = 0;
        if (rows == 1)
        {
            Unsafe.CopyBlockUnaligned(target, source, (uint)count * sizeof(uint));
            return;
        }

        if (rows < 8 && Avx2.IsSupported)
        {
            done = FewRows(source, sourceStride, rows, count, target);
        }
        else if (rows % 8 == 0 && Avx2.IsSupported)
        {
            for (; done <= count - 8; done += 8)
            {
                for (var row = 0; row < rows; row += 8)
                {
                    EightByEight(source + (row * sourceStride) + done, sourceStride, target + (done * rows) + row, rows);
                }
            }
        }

        for (var row = 0; row < rows; row++)
        {
            for (var unit = done; unit < count; unit++)
            {
                target[(unit * rows) + row] = source[(row * sourceStride) + unit];
            }
        }
    }

    /// <summary>
    /// Up to 7 rows: units in ascending order, each stored with 8 lanes, of which those that are too many are overwritten
    /// by the next ones. The last units are left to the caller, so that none reach beyond the target. Returns how many
    /// units are done.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int FewRows(uint* source, int stride, int rows, int count, uint* target)
    {
        // A missing row is stood in for by the first one.
        var (s1, s2, s3) = (Row(1), Row(2), Row(3));
        var (s4, s5, s6) = (Row(4), Row(5), Row(6));
        var done = 0;
        for (; done < count - 8; done += 8)
        {
            var (a0, a1) = Interleave(source + done, source + done + s1);
            var (a2, a3) = Interleave(source + done + s2, source + done + s3);
            var (a4, a5) = Interleave(source + done + s4, source + done + s5);
            var (a6, a7) = Interleave(source + done + s6, source + done);
            var (low0, high0) = (Avx2.UnpackLow(a0, a2), Avx2.UnpackLow(a4, a6)); // units 0 and 4
            var (low1, high1) = (Avx2.UnpackHigh(a0, a2), Avx2.UnpackHigh(a4, a6));
            var (low2, high2) = (Avx2.UnpackLow(a1, a3), Avx2.UnpackLow(a5, a7));
            var (low3, high3) = (Avx2.UnpackHigh(a1, a3), Avx2.UnpackHigh(a5, a7));
            var t = target + (done * rows);
            Avx2.Permute2x128(low0, high0, 0x20).Store((ulong*)t);
            Avx2.Permute2x128(low1, high1, 0x20).Store((ulong*)(t + rows));
            Avx2.Permute2x128(low2, high2, 0x20).Store((ulong*)(t + (2 * rows)));
            Avx2.Permute2x128(low3, high3, 0x20).Store((ulong*)(t + (3 * rows)));
            Avx2.Permute2x128(low0, high0, 0x31).Store((ulong*)(t + (4 * rows)));
            Avx2.Permute2x128(low1, high1, 0x31).Store((ulong*)(t + (5 * rows)));
            Avx2.Permute2x128(low2, high2, 0x31).Store((ulong*)(t + (6 * rows)));
            Avx2.Permute2x128(low3, high3, 0x31).Store((ulong*)(t + (7 * rows)));
        }

        return done;

        int Row(int row) => row < rows ? row * stride : 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void EightByEight(uint* s, int stride, uint* target, int targetStride)
    {
        var (a0, a1) = Interleave(s, s + stride);
        var (a2, a3) = Interleave(s + (2 * stride), s + (3 * stride));
        var (a4, a5) = Interleave(s + (4 * stride), s + (5 * stride));
        var (a6, a7) = Interleave(s + (6 * stride), s + (7 * stride));
        Store(Avx2.UnpackLow(a0, a2), Avx2.UnpackLow(a4, a6), target, targetStride);
        Store(Avx2.UnpackHigh(a0, a2), Avx2.UnpackHigh(a4, a6), target + targetStride, targetStride);
        Store(Avx2.UnpackLow(a1, a3), Avx2.UnpackLow(a5, a7), target + (2 * targetStride), targetStride);
        Store(Avx2.UnpackHigh(a1, a3), Avx2.UnpackHigh(a5, a7), target + (3 * targetStride), targetStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<ulong> Low, Vector256<ulong> High) Interleave(uint* first, uint* second)
    {
        var (a, b) = (Vector256.Load(first), Vector256.Load(second));
        return (Avx2.UnpackLow(a, b).AsUInt64(), Avx2.UnpackHigh(a, b).AsUInt64());
    }

    /// <summary>Unit u is in the lower lanes, unit u + 4 in the upper ones; of rows 0-3 and of rows 4-7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<ulong> rows0, Vector256<ulong> rows4, uint* target, int targetStride)
    {
        Avx2.Permute2x128(rows0, rows4, 0x20).Store((ulong*)target);
        Avx2.Permute2x128(rows0, rows4, 0x31).Store((ulong*)(target + (4 * targetStride)));
    }
}
