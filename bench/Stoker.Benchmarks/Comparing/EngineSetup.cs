using Stoker.Engine;

namespace Stoker.Benchmarks.Comparing;

/// <summary>Engine options from a bench's flags; the one place of the benches that knows how a precision is asked for.</summary>
internal static class EngineSetup
{
    public static readonly string[] Precisions = ["auto", "bf16", "int8", "fp8", "fp4"];

    /// <exception cref="UsageException">A precision that the engine does not have.</exception>
    public static EngineOptions Options(string precision, int threads, string? kernelSet) => new()
    {
        Threads = threads,
        KernelSet = kernelSet,
        Precision = Parse(precision),
        PinThreads = ThreadPinning.Auto, // as a replica has it
    };

    /// <exception cref="UsageException">A precision that the engine does not have.</exception>
    public static Precision Parse(string precision) => PrecisionNames.TryParse(precision, out var parsed)
        ? parsed
        : throw new UsageException($"The engine has no precision {precision}; it has {string.Join(", ", PrecisionNames.All)}.");

    /// <summary>One of the known spellings, from <c>--precision</c>.</summary>
    public static string Precision(Arguments arguments) => arguments.Words("--precision", Precisions) switch
    {
        [var one] => one,
        var all when all.Length == Precisions.Length => "auto",
        _ => throw new UsageException("--precision takes one value here."),
    };
}
