using System.Diagnostics;

namespace Stoker.Benchmarks.Measuring;

/// <summary>What this process has cost up to a moment; the difference of two is the cost of what lay between.</summary>
internal readonly record struct ProcessCost(TimeSpan Wall, TimeSpan Cpu, long AllocatedBytes, int Gen0, int Gen1, int Gen2)
{
    /// <summary>Of one core, so that two busy cores are 2.</summary>
    public double Cores => Cpu / Wall;

    public double AllocatedBytesPerSecond => AllocatedBytes / Wall.TotalSeconds;

    public static ProcessCost Now()
    {
        using var self = Process.GetCurrentProcess();
        return new(
            Stopwatch.GetElapsedTime(0), self.TotalProcessorTime, GC.GetTotalAllocatedBytes(), GC.CollectionCount(0), GC.CollectionCount(1), GC.CollectionCount(2));
    }

    /// <summary>Bytes of memory that are this process's at this moment.</summary>
    public static long ResidentBytes()
    {
        using var self = Process.GetCurrentProcess();
        return self.WorkingSet64;
    }

    public ProcessCost Since(ProcessCost start) => new(
        Wall - start.Wall, Cpu - start.Cpu, AllocatedBytes - start.AllocatedBytes, Gen0 - start.Gen0, Gen1 - start.Gen1, Gen2 - start.Gen2);
}
