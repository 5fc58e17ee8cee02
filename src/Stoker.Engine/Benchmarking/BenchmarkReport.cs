namespace Stoker.Engine.Benchmarking;

/// <summary>How fast a model runs on this machine, and how much of the machine that is.</summary>
/// <param name="Precision">Format of the projections, such as <c>bf16</c>.</param>
/// <param name="WeightBytes">Read by every step.</param>
public sealed record BenchmarkReport(
    string KernelSet, string Precision, int Threads, long WeightBytes, IReadOnlyList<BenchmarkRow> Rows);

/// <summary>One kind of work, all runs of it. Speeds are in tokens a second, of all sequences together.</summary>
/// <param name="Limit">
/// What the machine allowed, the median over the runs: weights read at the measured bandwidth, or their multiply-adds at the
/// measured speed of the kernels' instruction, whichever takes longer. Attention is not counted.
/// </param>
/// <param name="LimitedBy">Which of the two, in the median run.</param>
/// <param name="Share">Median of each run's own share of the limit that was measured right before it, 0 to 1.</param>
/// <param name="ReadBytesPerSecond">Measured bandwidth, median.</param>
/// <param name="OperationsPerSecond">Measured speed of the instruction of most of the weights, median; a multiply-add is two.</param>
public sealed record BenchmarkRow(
    BenchmarkPhase Phase, int Count, double Median, double Minimum, double Maximum, double Limit, BenchmarkLimit LimitedBy, double Share,
    double ReadBytesPerSecond, double OperationsPerSecond)
{
    /// <summary>Such as <c>prefill 512</c> (tokens of the prompt) or <c>decode x8</c> (sequences).</summary>
    public string Name => Phase == BenchmarkPhase.Prefill ? $"prefill {Count}" : $"decode x{Count}";
}

/// <summary>A prompt is computed, or tokens are generated.</summary>
public enum BenchmarkPhase { Prefill, Decode }

/// <summary>What a machine runs out of first.</summary>
public enum BenchmarkLimit { Memory, Arithmetic }
