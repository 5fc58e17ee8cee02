namespace Stoker.Engine;

/// <summary>
/// The engine's steps so far. Those that compute prompts, continue answers, or both are kept apart: the first two give the
/// rates of prefill and decode as they are, the third shows what they cost each other.
/// </summary>
public sealed record StepStatistics
{
    /// <summary>Steps that computed rows of prompts only.</summary>
    public StepPhase Prefill { get; init; } = new(0, 0, 0, 0);

    /// <summary>Steps that continued answers only.</summary>
    public StepPhase Decode { get; init; } = new(0, 0, 0, 0);

    /// <summary>Steps with rows of both.</summary>
    public StepPhase Mixed { get; init; } = new(0, 0, 0, 0);

    /// <summary>Seconds of a step, planning, forward pass and sampling together.</summary>
    public HistogramSnapshot Time { get; init; } = HistogramSnapshot.Empty;

    /// <summary>Rows (tokens computed) of a step.</summary>
    public HistogramSnapshot Rows { get; init; } = HistogramSnapshot.Empty;

    /// <summary>Sequences of a step: the batch.</summary>
    public HistogramSnapshot Sequences { get; init; } = HistogramSnapshot.Empty;
}

/// <summary>Steps of one kind. Tokens that were computed again after a preemption count as prefill.</summary>
/// <param name="Seconds">Of all of them.</param>
public sealed record StepPhase(long Steps, long PrefillTokens, long DecodeTokens, double Seconds)
{
    /// <summary>Tokens of both kinds by second; 0 before the first step.</summary>
    public double TokensPerSecond => Seconds > 0 ? (PrefillTokens + DecodeTokens) / Seconds : 0;
}
