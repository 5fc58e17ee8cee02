using Stoker.Engine.KvCache;
using Stoker.Engine.Models;
using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Speculation;

/// <summary>Which drafter an engine's options ask for, and what it takes.</summary>
internal static class Drafters
{
    /// <summary>Rows of drafts in a step: enough for all sequences, and for predictions in any case.</summary>
    public static int RowsOf(EngineOptions options)
    {
        var own = options.Speculation is { DraftTokens: var tokens, DraftFolder: var folder, NgramLength: var length } && (folder is not null || length > 0)
            ? options.MaxSequences * tokens
            : 0;
        return Math.Min(Math.Max(own, Speculator.PredictedRows), options.StepTokens / 2);
    }

    public static DraftMemory? MemoryOf(DecoderModel? draft, StepLimits limits, KvFormat format) => draft is null
        ? null
        : new(draft.WeightBytes, ModelDrafter.StepBytes(draft.Shape, limits), ModelDrafter.BlockBytes(draft.Shape, format));

    /// <param name="drawable">Ids below are tokens.</param>
    /// <returns>Null: none is asked for.</returns>
    public static IDrafter? New(DecoderModel? draft, EngineOptions options, StepLimits limits, BlockPool pool, int drawable)
    {
        var drafter = Asked(draft, options, limits, pool, drawable);
        return drafter is null ? null : options.WrapDrafter?.Invoke(drafter) ?? drafter;
    }

    private static IDrafter? Asked(DecoderModel? draft, EngineOptions options, StepLimits limits, BlockPool pool, int drawable) => options.Speculation switch
    {
        { DraftTokens: > 0, NgramLength: > 0 and var length } => new NgramDrafter(length),
        _ when draft is not null => new ModelDrafter(
            draft, new(draft.Shape, pool.Count, KvFormats.Of(options.KvPrecision)), pool, limits, drawable, options.Time),
        _ => null,
    };
}
