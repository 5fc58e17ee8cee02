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

    public static DraftMemory? MemoryOf(EngineParts parts, StepLimits limits, KvFormat format) => parts switch
    {
        { Draft: { } draft } => new(draft.WeightBytes, ModelDrafter.StepBytes(draft.Shape, limits), ModelDrafter.BlockBytes(draft.Shape, format)),
        { Eagle: { } head } => new(head.WeightBytes, EagleDrafter.StepBytes(head, limits), ModelDrafter.BlockBytes(head.Shape, format)),
        _ => null,
    };

    /// <param name="drawable">Ids below are tokens.</param>
    /// <returns>Null: none is asked for.</returns>
    public static IDrafter? New(EngineParts parts, EngineOptions options, StepLimits limits, BlockPool pool, int drawable)
    {
        var drafter = Asked(parts, options, limits, pool, drawable);
        return drafter is null ? null : options.WrapDrafter?.Invoke(drafter) ?? drafter;
    }

    private static IDrafter? Asked(EngineParts parts, EngineOptions options, StepLimits limits, BlockPool pool, int drawable)
    {
        if (options.Speculation is { DraftTokens: > 0, NgramLength: > 0 and var length }) return new NgramDrafter(length);
        return parts switch
        {
            { Draft: { } draft } => With(draft.Shape, store => new ModelDrafter(draft, store, pool, limits, drawable, options.Time)),
            { Eagle: { } head } => With(head.Shape, store => new EagleDrafter(head, store, pool, limits, drawable, options.Time)),
            _ => null,
        };

        // The drafter's, once there is one.
        IDrafter With(ModelShape shape, Func<KvStore, IDrafter> create)
        {
            var store = new KvStore(shape, pool.Count, KvFormats.Of(options.KvPrecision));
            try
            {
                return create(store);
            }
            catch
            {
                store.Dispose();
                throw;
            }
        }
    }
}
