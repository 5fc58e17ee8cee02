namespace Stoker.Engine.Scheduling;

/// <summary>What one step may hold. Fixed when the engine is opened.</summary>
/// <param name="StepTokens">Rows in a step; at least <paramref name="MaxSequences"/>, so that no decode ever waits for
/// a prefill.</param>
/// <param name="EchoRows">Rows of prompt logits in a step. Each is a row of the whole vocabulary, 0.5 MB at 128k
/// entries, so echo is computed in small chunks.</param>
/// <param name="MaxPreemptions">After so many a sequence is admitted only with all the blocks it can need, and then
/// left alone.</param>
internal sealed record StepLimits(int MaxSequences, int StepTokens, int BlockSize, int EchoRows = 32, int MaxPreemptions = 3)
{
    /// <summary>Prompt rows in every step that has a prompt, whatever they cost: two tiles of the matrix kernels, which read the
    /// weights once for all rows, so that they cost running sequences little and no prompt stands still.</summary>
    public const int LeastPrefill = 2 * TileRows;

    /// <summary>Rows that the matrix kernels compute together.</summary>
    public const int TileRows = 8;

    /// <summary>How much larger than any step before one may be whose time is only an estimate.</summary>
    public const int Growth = 4;

    /// <summary>How much longer than with its decodes alone a step may always take: with 2 prompts and answers share the time
    /// evenly where decodes alone take longer than <see cref="StepMicroseconds"/>, and streams keep half of their speed.</summary>
    public const int Stretch = 2;

    /// <summary>What a step with decodes in it is to take at most, microseconds, or <see cref="Stretch"/> times what the
    /// decodes take alone where that is more; 0: rows alone limit it.</summary>
    public double StepMicroseconds { get; init; }

    /// <summary>How much of their undisturbed speed decodes keep beside prompts, in place of <see cref="StepMicroseconds"/>; 0: no share is
    /// promised.</summary>
    public double DecodeShare { get; init; }

    /// <summary>The part of all blocks that admissions leave to cached prefixes while others run.</summary>
    public double PrefixShare { get; init; }

    /// <summary>Whether prompts beside decodes are cut by the time that they take.</summary>
    public bool IsTimed => StepMicroseconds > 0 || DecodeShare > 0;

    /// <summary>Threads that sample; each has its own scratch memory.</summary>
    public int Samplers { get; init; } = 1;

    /// <summary>Rows of drafts in a step at most, over all sequences; 0: there are no drafts.</summary>
    public int DraftRows { get; init; }

    public int BlocksFor(int tokenCount) => (tokenCount + BlockSize - 1) / BlockSize;

    /// <summary>Rows of logits in a step: one of each sequence that catches up, the drafts, and the echoes.</summary>
    public int LogitRows => MaxSequences + DraftRows + EchoRows;

    /// <summary>
    /// Rows of drafts that a step may have beside so many decodes: no more than half of what those leave, so that prompts get
    /// on as well.
    /// </summary>
    public int DraftRowsBeside(int decodes) => Math.Min(DraftRows, Math.Max(StepTokens - decodes, 0) / 2);
}
