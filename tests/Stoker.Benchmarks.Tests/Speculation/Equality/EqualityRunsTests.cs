using Stoker.Benchmarks.Speculation.Equality;

namespace Stoker.Benchmarks.Tests.Speculation.Equality;

public class EqualityRunsTests
{
    /// <summary>The bench does so with 200 random prompts.</summary>
    [Fact]
    public async Task No_kind_of_speculation_changes_an_answer_alone_or_in_a_mixed_batch_and_drafts_are_accepted_as_in_the_reference() =>
        (await new EqualityRuns(new() { Threads = 2 }, random: 24, seed: 11).MeasureAsync()).ShouldBeEmpty();
}
