using Stoker.Engine.Sampling;
using Stoker.Engine.Speculation;

namespace Stoker.Engine;

/// <summary>
/// The rules of <see cref="EngineOptions"/>. A value outside its range stops the engine from opening; none is corrected
/// in silence.
/// </summary>
internal static class EngineOptionRules
{
    private const int MostThreads = 1024; // more than any machine's CPUs; each has a stack
    private const int MostSequences = 4096; // each has a row of logits
    private const int MostStepTokens = 16_384; // rows x the widest layer must fit an array

    private const long MostPoolBytes = 1L << 48; // what a process can address; sums of such figures do not overflow
    private const int LongestNgram = 32; // what so many tokens are followed by is no guess any more

    private static readonly TimeSpan LongestStep = TimeSpan.FromMinutes(1);

    /// <exception cref="ArgumentException">Names the option, the value and the range.</exception>
    public static void Check(EngineOptions options)
    {
        Require(options.Threads is >= 0 and <= MostThreads, nameof(options.Threads), options.Threads, $"from 0 to {MostThreads}");
        Require(Enum.IsDefined(options.PinThreads), nameof(options.PinThreads), options.PinThreads, "off, auto or on");
        Require(
            options.MaxSequences is >= 1 and <= MostSequences, nameof(options.MaxSequences), options.MaxSequences, $"from 1 to {MostSequences}");
        Require(options.StepTokens >= options.MaxSequences, nameof(options.StepTokens), options.StepTokens,
            $"at least {nameof(options.MaxSequences)} ({options.MaxSequences}), so that every running sequence gets a row");
        Require(options.StepTokens <= MostStepTokens, nameof(options.StepTokens), options.StepTokens, $"at most {MostStepTokens}");
        Require(options.StepTime >= TimeSpan.Zero && options.StepTime <= LongestStep, nameof(options.StepTime), options.StepTime,
            $"from {TimeSpan.Zero} (no limit) to {LongestStep}");
        Require(options.MaxQueuedRequests >= 1, nameof(options.MaxQueuedRequests), options.MaxQueuedRequests, "at least 1");
        Require(options.MaxUnreadEvents >= 1, nameof(options.MaxUnreadEvents), options.MaxUnreadEvents, "at least 1");
        Require(options.WatchdogSteps >= 1, nameof(options.WatchdogSteps), options.WatchdogSteps, "at least 1");
        Require(options.MemoryBudgetBytes is null or > 0, nameof(options.MemoryBudgetBytes), options.MemoryBudgetBytes, "above 0");
        Require(
            Enum.IsDefined(options.KvPrecision), nameof(options.KvPrecision), options.KvPrecision, $"one of {string.Join(", ", Enum.GetNames<KvPrecision>())}");
        Require(
            Enum.IsDefined(options.Precision), nameof(options.Precision), options.Precision,
            $"one of {string.Join(", ", Enum.GetNames<Precision>())}");
        Require(Enum.IsDefined(options.Packed), nameof(options.Packed), options.Packed, "auto, never or require");
        CheckSpeculation(options);
        if (options.LongPrompt is { } longPrompt) Check(longPrompt, options.MaxSequences);
        if (options.Addons is { } addons) Check(addons);
        Require(options.MergeAddon is null || options.Packed != PackedUse.Require, nameof(options.Packed), options.Packed,
            $"auto or never with {nameof(options.MergeAddon)}: merged weights are packed at load");
        Require(options.ContextLength is null or >= 1, nameof(options.ContextLength), options.ContextLength, "from 1 to the model's length");
    }

    private static void Check(LongPromptOptions longPrompt, int sequences)
    {
        const string Prefix = nameof(EngineOptions.LongPrompt) + ".";
        Require(longPrompt.ChunkTokens >= sequences && longPrompt.ChunkTokens <= MostStepTokens, Prefix + nameof(longPrompt.ChunkTokens), longPrompt.ChunkTokens,
            $"from {nameof(EngineOptions.MaxSequences)} ({sequences}) to {MostStepTokens}");
        Require(longPrompt.DecodeShare is >= 0.05 and <= 0.95, Prefix + nameof(longPrompt.DecodeShare), longPrompt.DecodeShare, "from 0.05 to 0.95");
        Require(longPrompt.PrefixShare is >= 0 and <= 0.9, Prefix + nameof(longPrompt.PrefixShare), longPrompt.PrefixShare, "from 0 to 0.9");
    }

    private static void Check(AddonOptions addons)
    {
        const string Prefix = nameof(EngineOptions.Addons) + ".";
        Require(addons.MaxLoaded is >= 1 and <= 1024, Prefix + nameof(addons.MaxLoaded), addons.MaxLoaded, "from 1 to 1024");
        Require(addons.MaxRank is >= 1 and <= 512, Prefix + nameof(addons.MaxRank), addons.MaxRank, "from 1 to 512");
        Require(addons.PoolBytes is null or (> 0 and <= MostPoolBytes), Prefix + nameof(addons.PoolBytes), addons.PoolBytes, $"from 1 to {MostPoolBytes}");
        Require(addons.MaxRegistered >= 1, Prefix + nameof(addons.MaxRegistered), addons.MaxRegistered, "at least 1");
    }

    /// <summary>Deployment over model over API.</summary>
    /// <exception cref="ArgumentException">A default of the deployment or the model is out of range.</exception>
    public static SamplingOptions Defaults(EngineOptions options, SamplingOptions model)
    {
        var defaults = options.DefaultSampling.Over(model).Over(SamplingOptions.ApiDefaults);
        try
        {
            SamplingSettings.From(defaults, int.MaxValue, () => 0);
        }
        catch (RequestRefusedException error)
        {
            throw new ArgumentException($"{nameof(options.DefaultSampling)}: {error.Message}", nameof(options), error);
        }
        return defaults;
    }

    private static void CheckSpeculation(EngineOptions options)
    {
        if (options.Speculation is not { DraftTokens: var drafts, NgramLength: var length } speculation) return;
        if (speculation is { DraftFolder: not null, NgramLength: > 0 })
        {
            throw new ArgumentException(
                $"{nameof(speculation.DraftFolder)} and {nameof(speculation.NgramLength)} cannot be used together: one drafter drafts at a time. "
                + "Leave one of them out.", nameof(options));
        }
        Require(drafts is >= 0 and <= SequenceDrafts.Most, nameof(speculation.DraftTokens), drafts, $"from 0 to {SequenceDrafts.Most}");
        Require(length is >= 0 and <= LongestNgram, nameof(speculation.NgramLength), length, $"from 0 to {LongestNgram}");
    }

    private static void Require(bool holds, string name, object? value, string allowed)
    {
        if (!holds) throw new ArgumentException(FormattableString.Invariant($"{name} must be {allowed}, was {value}."), name);
    }
}
