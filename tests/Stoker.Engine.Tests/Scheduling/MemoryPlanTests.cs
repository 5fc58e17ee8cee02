using Stoker.Engine.Models;
using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Tests.Scheduling;

public sealed class MemoryPlanTests
{
    private const long Weights = 1_000_000;
    private const long Plenty = 1L << 50;
    private static readonly StepLimits Limits = new(MaxSequences: 4, StepTokens: 32, BlockSize: 16, EchoRows: 4);

    // 2 x 2 layers x 1 head x 32 (4, padded) x 2 bytes = 256 bytes a token, 4096 a block; a row of logits 400 bytes.
    private static readonly ModelShape Shape = new(
        Layers: 2, HiddenSize: 8, Heads: 2, KvHeads: 1, HeadDim: 4, VocabularySize: 100, ContextLength: 160);

    private const long Step = (8 * 400) + (20 * 100);

    [Fact]
    public void A_stated_budget_holds_weights_step_and_cache_together()
    {
        var plan = Plan(Weights + Step + (7 * 4096) + 4095);
        plan.ShouldBe(new(Weights, Step, 7, 7 * 4096));
    }

    [Fact]
    public void More_than_all_sequences_at_full_length_is_never_taken() =>
        Plan(long.MaxValue / 2).KvBlocks.ShouldBe(4 * 10);

    [Fact]
    public void Without_a_budget_it_takes_at_most_half_of_what_is_left()
    {
        Plan(null, available: 1L << 40).KvBlocks.ShouldBe(40);
        Plan(null, available: Weights + Step + (2 * 30 * 4096)).KvBlocks.ShouldBe(30);
        // less than a context: the door says so
        Plan(null, available: Weights + Step + (2 * 4096)).KvBlocks.ShouldBe(1);
        Should.Throw<ArgumentException>(() => Plan(null, available: Weights)).Message
            .ShouldContain($"MemoryBudgetBytes is not stated and half of what weights and buffers leave of {Weights} bytes is too little");
    }

    [Fact]
    public void The_intermediate_values_of_the_forward_pass_are_part_of_it()
    {
        var shape = Shape with { WorkspaceBytes = 500, WorkspaceBytesPerRow = 1000 };
        var options = new EngineOptions { MemoryBudgetBytes = Weights + Step + 500 + (32 * 1000) + (3 * 4096) };
        MemoryPlan.For(options, Limits, shape, 160, Weights, Plenty).ShouldBe(new(Weights, Step + 500 + (32 * 1000), 3, 3 * 4096));
    }

    [Fact]
    public void More_logits_than_an_array_holds_are_an_error_that_names_the_sequences()
    {
        var limits = Limits with { MaxSequences = 4096 };
        var shape = Shape with { VocabularySize = 1 << 20 };
        Should.Throw<ArgumentException>(() => MemoryPlan.For(new() { MaxSequences = 4096 }, limits, shape, 160, Weights, 1L << 50))
            .Message.ShouldContain("MaxSequences is 4096");
    }

    [Fact]
    public void A_budget_for_no_block_at_all_is_an_error_that_says_what_it_takes()
    {
        var error = Should.Throw<ArgumentException>(() => Plan(Weights + Step + 4095));
        error.Message.ShouldContain($"at least {Weights + Step + 4096}");
        Should.Throw<ArgumentException>(() => Plan(1)).Message.ShouldContain("MemoryBudgetBytes is 1");
    }

    [Fact]
    public void A_budget_that_the_machine_does_not_have_is_an_error_with_the_figures_if_it_would_be_used()
    {
        var needed = Weights + Step + (40 * 4096);
        Plan(long.MaxValue / 2, available: needed).KvBlocks.ShouldBe(40);
        var error = Should.Throw<ArgumentException>(() => Plan(long.MaxValue / 2, available: needed - 1)).Message;
        error.ShouldContain($"MemoryBudgetBytes is {long.MaxValue / 2}");
        error.ShouldContain($"would take {needed} bytes");
        error.ShouldContain($"has {needed - 1}");
    }

    [Theory]
    [InlineData(KvPrecision.Auto, 10)]
    [InlineData(KvPrecision.F32, 5)]
    [InlineData(KvPrecision.Bf16, 10)]
    [InlineData(KvPrecision.Fp8, 20)]
    public void The_precision_of_keys_and_values_decides_how_many_blocks_fit(KvPrecision precision, int blocks)
    {
        var options = new EngineOptions { KvPrecision = precision, MemoryBudgetBytes = Weights + Step + (10 * 4096) };
        MemoryPlan.For(options, Limits, Shape, 160, Weights, Plenty).KvBlocks.ShouldBe(blocks);
    }

    private static MemoryPlan Plan(long? budget, long available = Plenty) =>
        MemoryPlan.For(new() { MemoryBudgetBytes = budget }, Limits, Shape, contextLength: 160, Weights, available);
}
