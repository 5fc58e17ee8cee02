using Stoker.Engine;

namespace Stoker.Benchmarks.Speculation.Equality;

/// <summary>What one kind gave for all prompts, held against the answers of an engine without speculation, each alone.</summary>
/// <param name="Expected">Drafted and accepted by the plain slow version, where there is one.</param>
internal sealed record EqualityRow(string Name, int Prompts, long Tokens, int Differing, SpeculationStatistics Figures, (long Drafted, long Accepted)? Expected)
{
    /// <summary>Adaptive, it may find on a busy machine that no draft pays.</summary>
    public bool MayPause { get; init; }

    /// <summary>Null: all as it must be.</summary>
    public string? Fault =>
        Differing > 0 ? $"{Name}: {Differing} of {Prompts} answers differ"
        : Expected is { } expected && expected != (Figures.Drafted, Figures.Accepted)
            ? $"{Name}: {Figures.Accepted} of {Figures.Drafted} drafts accepted, where the plain version counts {expected.Accepted} of {expected.Drafted}"
        : Figures.Accepted == 0 && !MayPause ? $"{Name}: no draft was accepted, so nothing was shown"
        : null;

    /// <summary>Text, tokens, reason and log-probabilities, by their bits.</summary>
    public static bool AreSame(GenerationResult one, GenerationResult other) =>
        one.Choices.Count == other.Choices.Count && one.Choices.Zip(other.Choices).All(pair => AreSame(pair.First, pair.Second));

    private static bool AreSame(GeneratedChoice one, GeneratedChoice other) =>
        (one.Text, one.Finish, one.Tokens.Count) == (other.Text, other.Finish, other.Tokens.Count)
        && one.Tokens.Zip(other.Tokens).All(pair => AreSame(pair.First, pair.Second));

    private static bool AreSame(in GeneratedToken one, in GeneratedToken other) =>
        (one.Id, one.Logprob) == (other.Id, other.Logprob)
        && one.TopLogprobs.Select(top => (top.Id, top.Logprob)).SequenceEqual(other.TopLogprobs.Select(top => (top.Id, top.Logprob)));
}
