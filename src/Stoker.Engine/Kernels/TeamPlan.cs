using Stoker.Engine.Native;

namespace Stoker.Engine.Kernels;

/// <summary>How many threads a team has, and on which cores.</summary>
/// <param name="Threads">The caller's included.</param>
/// <param name="Cores">One for each thread; null when they are not bound.</param>
internal sealed record TeamPlan(int Threads, IReadOnlyList<int>? Cores)
{
    /// <param name="threads">As asked; 0: what the allowance keeps busy.</param>
    /// <param name="pinning">As asked.</param>
    /// <param name="allowance">Of the process.</param>
    /// <param name="refusal">Why the system does not bind threads; null when it does.</param>
    /// <exception cref="ArgumentException">Binding was asked for and cannot be.</exception>
    public static TeamPlan For(int threads, ThreadPinning pinning, ProcessorAllowance allowance, string? refusal)
    {
        var (count, cores) = (threads > 0 ? threads : allowance.Threads, allowance.Cores);
        if (pinning == ThreadPinning.Off || (pinning == ThreadPinning.Auto && (refusal is not null || cores.Count != count)))
        {
            return new(count, null);
        }

        if (refusal is not null)
        {
            throw new ArgumentException($"PinThreads cannot be on: {refusal}. Turn it off.", nameof(pinning));
        }

        return count <= cores.Count
            ? new(count, [.. cores.Take(count)])
            : throw new ArgumentException(
                $"PinThreads cannot be on for {count} threads: the process may run on {cores.Count} cores. Use at most {cores.Count} threads or turn it off.",
                nameof(pinning));
    }
}
