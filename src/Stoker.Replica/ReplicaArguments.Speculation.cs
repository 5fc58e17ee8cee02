using Stoker.Engine;

namespace Stoker.Replica;

// Speculative decoding.
internal sealed partial class ReplicaArguments
{
    private const string DraftModelFlag = "--draft-model";
    private const string DraftTokensFlag = "--draft-token-count";
    private const string NgramFlag = "--ngram-speculation-length";
    private const string AdaptiveFlag = "--adaptive-speculation";

    /// <summary>Null: nothing drafts.</summary>
    private SpeculationOptions? Speculation()
    {
        var (folder, tokens) = (_values.GetValueOrDefault(DraftModelFlag), (int?)Integer(DraftTokensFlag, 0, 16));
        var ngram = (int)(Integer(NgramFlag, 0, 32) ?? 0);
        var adaptive = Switch(AdaptiveFlag, otherwise: true); // also where nothing drafts: what is wrong is refused
        if (folder is not null && ngram > 0)
        {
            throw new FormatException($"{DraftModelFlag} and {NgramFlag} cannot be used together: one drafter drafts at a time. Leave one of them out.");
        }

        if (folder is null && ngram == 0)
        {
            foreach (var flag in (string[])[DraftTokensFlag, AdaptiveFlag])
            {
                if (_values.ContainsKey(flag) && tokens is not 0) throw new FormatException($"{flag} needs {DraftModelFlag} or {NgramFlag}: nothing else drafts.");
            }

            return null;
        }

        return new()
        {
            DraftFolder = folder,
            NgramLength = ngram,
            DraftTokens = tokens ?? throw new FormatException($"{DraftTokensFlag} is needed with {(folder is null ? NgramFlag : DraftModelFlag)}: 4 is usual, 0 is off."),
            Adaptive = adaptive,
        };
    }
}
