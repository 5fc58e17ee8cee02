using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using Stoker.Engine.Native;

namespace Stoker.Engine.Kernels;

/// <summary>
/// How fast the threads of a plan read memory together: the bound of decoding one sequence. A short look, some 10 ms,
/// good to a tenth; the benches measure properly.
/// </summary>
internal static class ReadBandwidth
{
    /// <summary>Twice the third-level cache of large CPUs' core groups, so that reading it round and round misses.</summary>
    private const int TotalBytes = 64 << 20;

    private const int Rounds = 3;

    /// <summary>Bytes a second, or null when that much memory is not to spare.</summary>
    public static double? Measure(TeamPlan plan)
    {
        var memory = GC.GetGCMemoryInfo();
        if (memory.TotalAvailableMemoryBytes - Environment.WorkingSet < 4L * TotalBytes) return null;
        using var team = new ThreadTeam(plan.Threads, plan.Cores);
        var share = Math.Max(1 << 20, TotalBytes / plan.Threads) & ~(Vector<ulong>.Count * sizeof(ulong) * 4 - 1);
        using var buffer = new AlignedMemory((long)share * plan.Threads);
        var sums = new ulong[plan.Threads];
        team.Run((part, _) => buffer.Slice<byte>((long)part * share, share).Fill(1)); // each thread touches its own pages
        var best = double.MaxValue;
        for (var round = 0; round < Rounds; round++)
        {
            var start = Stopwatch.GetTimestamp();
            team.Run((part, _) => sums[part] += Sum(buffer.Slice<ulong>((long)part * share / sizeof(ulong), share / sizeof(ulong))));
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        // Used, so that no compiler leaves the reading out; 0 is never what so many ones add up to.
        return sums[0] == 0 ? null : (double)share * plan.Threads / best;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static ulong Sum(ReadOnlySpan<ulong> values)
    {
        var (a, b, c, d) = (Vector<ulong>.Zero, Vector<ulong>.Zero, Vector<ulong>.Zero, Vector<ulong>.Zero);
        for (; values.Length >= 4 * Vector<ulong>.Count; values = values[(4 * Vector<ulong>.Count)..])
        {
            a += new Vector<ulong>(values);
            b += new Vector<ulong>(values[Vector<ulong>.Count..]);
            c += new Vector<ulong>(values[(2 * Vector<ulong>.Count)..]);
            d += new Vector<ulong>(values[(3 * Vector<ulong>.Count)..]);
        }

        return Vector.Sum(a + b + c + d);
    }
}
