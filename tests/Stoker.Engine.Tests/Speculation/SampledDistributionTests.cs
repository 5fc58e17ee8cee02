using Stoker.Engine.Tests.Scheduling;

namespace Stoker.Engine.Tests.Speculation;

/// <summary>
/// Over many seeds, tokens that were drawn at drafted rows have the target's distribution: neither what is drafted nor how often it is
/// accepted shows in it. Fixed seeds: the statistic is the same in every run.
/// </summary>
public sealed class SampledDistributionTests
{
    private const int Seeds = 4000, Vocabulary = 20, Position = 3;

    [Theory]
    [InlineData(0)] // always the right draft: it was drawn from the target itself
    [InlineData(1)] // always the wrong one
    [InlineData(-1)] // always the same token
    public void Tokens_behind_drafts_are_distributed_as_the_target_says(int wrongEvery)
    {
        var drafter = new ScriptedDrafter(Math.Max(wrongEvery, 0));
        var (plain, rig) = (Rig(null), Rig(drafter));
        var (counts, expected) = (new int[Vocabulary], new double[Vocabulary]);
        for (var seed = 0; seed < Seeds; seed++)
        {
            drafter.Know(seed + 1, plain.Complete(Request(seed)));
            if (wrongEvery < 0) Array.Fill(drafter.Answers[(seed + 1, 0)], 2);
            var token = rig.Complete(Request(seed)).Choices[0].Tokens[Position];
            counts[token.Id]++;
            foreach (var top in token.TopLogprobs) expected[top.Id] += Math.Exp(top.Logprob); // of all tokens there are
        }
        expected.Sum().ShouldBe(Seeds, 1e-3);
        var statistic = Enumerable.Range(0, Vocabulary).Sum(id => Math.Pow(counts[id] - expected[id], 2) / expected[id]);
        statistic.ShouldBeLessThan(43.8); // chi-square with 19 degrees of freedom: 99.9 %
        var figures = rig.Statistics.Speculation;
        figures.Accepted.ShouldBeInRange(wrongEvery == 1 ? 0 : 1, wrongEvery == 1 ? 0 : figures.Drafted);
        if (wrongEvery < 0) ((double)figures.AcceptedByPosition[0] / figures.DraftedByPosition[0]).ShouldBeInRange(0.02, 0.2); // as the target gives it
    }

    private static LoopRig Rig(ScriptedDrafter? drafter) => new(blocks: 2, maxSequences: 1, model: new(vocabularySize: Vocabulary), drafter: drafter);

    private static GenerationRequest Request(int seed) => new()
    {
        PromptTokens = FakeText.Ids("abc"),
        MaxTokens = Position + 3,
        IgnoreEos = true,
        Logprobs = Vocabulary,
        Sampling = new() { Seed = seed, Temperature = 1 },
    };
}
