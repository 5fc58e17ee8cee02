using Stoker.Engine.Kernels;

namespace Stoker.Benchmarks.Measuring;

/// <summary>The machine's limits for one kernel set, to stand beside a row: reading, and the instruction behind a precision.</summary>
internal sealed class Limits : IDisposable
{
    /// <summary>Of so many short measurements the best counts: a limit is what is possible, and a neighbour takes a time slice.</summary>
    private const int Tries = 3;

    private readonly ThreadTeam _team;
    private readonly MachineProbe _probe;
    private readonly bool _emitted;

    /// <exception cref="ArgumentException">No such kernel set here.</exception>
    public Limits(int threads, string? kernelSet)
    {
        _emitted = KernelSets.Choose(kernelSet).Name == "emitted";
        _team = new(threads);
        _probe = new(_team);
    }

    /// <summary>Bytes a second that all threads read together.</summary>
    public double Reading() => Best(_probe.ReadBytesPerSecond);

    /// <summary>
    /// Operations a second of all threads: of the bf16 or byte dot products where kernels are emitted, else of float32
    /// multiply-adds.
    /// </summary>
    public double Operations(string precision) => Best((_emitted, precision) switch
    {
        (true, "int8" or "fp4") => () => _probe.Int8PerSecond()!.Value,
        (true, _) => () => _probe.Bf16PerSecond()!.Value,
        _ => _probe.Float32PerSecond,
    });

    /// <summary>Float32 multiply-adds, two operations each, a second.</summary>
    public double FloatOperations() => Best(_probe.Float32PerSecond);

    public void Dispose()
    {
        _probe.Dispose();
        _team.Dispose();
    }

    private static double Best(Func<double> measure)
    {
        var best = 0.0;
        for (var run = 0; run < Tries; run++) best = Math.Max(best, measure());
        return best;
    }
}
