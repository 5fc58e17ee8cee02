using Stoker.Engine;

namespace Stoker.Replica;

// The plan for long prompts.
internal sealed partial class ReplicaArguments
{
    private const string LongPromptFlag = "--long-prompt";
    private const string DecodeShareFlag = "--decode-share";
    private const string StepTokensFlag = "--step-tokens";
    private const string StepTimeFlag = "--step-milliseconds";
    private const int MostStepTokens = 16_384;

    /// <summary>Null: prompts are the usual mix of lengths.</summary>
    private LongPromptOptions? LongPrompt()
    {
        var share = Number(DecodeShareFlag, 0.05, 0.95);
        if (!_switches.Contains(LongPromptFlag))
        {
            return share is null ? null : throw new FormatException($"{DecodeShareFlag} needs {LongPromptFlag}.");
        }

        if (_values.ContainsKey(StepTimeFlag))
        {
            throw new FormatException($"{StepTimeFlag} cannot be used with {LongPromptFlag}, where {DecodeShareFlag} says how long a step may take. Leave one of them out.");
        }

        var defaults = new LongPromptOptions();
        var sequences = (int?)Integer("--max-sequences", 1, 4096) ?? 0;
        return defaults with
        {
            DecodeShare = share ?? defaults.DecodeShare,
            ChunkTokens = (int?)Integer(StepTokensFlag, 1, MostStepTokens) ?? Math.Max(defaults.ChunkTokens, sequences),
        };
    }
}
