using System.Runtime.CompilerServices;
using Stoker.Engine.Kernels;
using Stoker.Engine.Native;

namespace Stoker.Engine.Weights;

/// <summary>Packs the items of a plan into memory, all threads of a team together.</summary>
/// <remarks>
/// The work is dealt out in runs of panels over all matrices, so that one large matrix keeps every thread busy and the
/// system hands out each page on the thread that fills it.
/// </remarks>
internal sealed unsafe class WeightPacker
{
    /// <summary>Panels of 32 rows that a thread takes at a time: some 100 us of work, so that the ends even out.</summary>
    private const int PanelsPerRun = 8;

    private const int Alignment = 64;

    private readonly List<(PackItem Item, PanelMatrix Target, int FirstPanel)> _runs = [];
    private int _next;

    private WeightPacker()
    {
    }

    /// <exception cref="ModelLoadException">A weight is not finite and the format cannot hold it.</exception>
    /// <exception cref="OutOfMemoryException">The system refuses the memory.</exception>
    public static PackedWeights Pack(string precision, IReadOnlyList<PackItem> items, ThreadTeam team)
    {
        var sizeBytes = items.Where(item => item.IsMatrix).Sum(item => Aligned(item.SizeBytes));
        var memory = new HugeMemory(sizeBytes);
        try
        {
            var matrices = Place(items, memory);
            var packer = new WeightPacker();
            packer.AddRuns(items, matrices);
            packer.PackAll(team);
            var vectors = items.Where(item => !item.IsMatrix).ToDictionary(item => item.Name, item => item.Vector!, StringComparer.Ordinal);
            return new PackedWeights(Checkpoint.SingleFileName, precision, sizeBytes, matrices, vectors, memory);
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    private static Dictionary<string, PanelMatrix> Place(IReadOnlyList<PackItem> items, HugeMemory memory)
    {
        var matrices = new Dictionary<string, PanelMatrix>(StringComparer.Ordinal);
        var offset = 0L;
        foreach (var item in items)
        {
            if (item.IsMatrix)
            {
                matrices.Add(item.Name, new PanelMatrix(item.Format, item.Rows, item.Columns, memory.Start + offset, memory));
                offset += Aligned(item.SizeBytes);
            }
        }

        return matrices;
    }

    private void AddRuns(IReadOnlyList<PackItem> items, Dictionary<string, PanelMatrix> matrices)
    {
        foreach (var item in items)
        {
            if (item.IsMatrix)
            {
                var target = matrices[item.Name];
                for (var panel = 0; panel < target.PanelCount; panel += PanelsPerRun)
                {
                    _runs.Add((item, target, panel));
                    foreach (var source in item.Sources) source.Matrix.Change?.Expect();
                }
            }
        }
    }

    private void PackAll(ThreadTeam team)
    {
        try
        {
            team.Run(PackRuns);
        }
        catch (AggregateException error) when (error.InnerException is ModelLoadException broken)
        {
            throw new ModelLoadException(broken.File, broken.Item, broken.Reason, error);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackRuns(int part, int parts)
    {
        for (var run = Interlocked.Increment(ref _next) - 1; run < _runs.Count; run = Interlocked.Increment(ref _next) - 1)
        {
            var (item, target, first) = _runs[run];
            PackRun(item, target, first, Math.Min(first + PanelsPerRun, target.PanelCount));
        }
    }

    private static void PackRun(PackItem item, PanelMatrix target, int firstPanel, int endPanel)
    {
        WeightMatrix[] sources = [.. item.Sources.Select(source => source.Matrix)];
        try
        {
            foreach (var source in sources) source.Change?.Enter();
            PanelPacker.Pack(sources, item.Format, target.Panel(0), firstPanel, endPanel);
        }
        catch (WeightRangeException error)
        {
            throw PackFault.Of(item, error);
        }
        finally
        {
            foreach (var source in sources) source.Change?.Leave();
        }
    }

    private static long Aligned(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;
}
