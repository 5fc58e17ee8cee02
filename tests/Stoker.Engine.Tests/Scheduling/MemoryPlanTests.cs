using Stoker.Engine.KvCache;
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

    // Logits, sampling, tables of 10 blocks for each sequence, and four numbers for each row.
    private const long Step = (8 * 400) + (20 * 100) + (4 * 10 * 4) + (32 * 16);

    // Keys and values, and what pool, planner and prefix cache know of it.
    private static readonly long Block = 4096 + 24 + PrefixCache.BytesPerBlock(16);

    [Fact]
    public void A_stated_budget_holds_weights_step_and_cache_together()
    {
        var plan = Plan(Weights + Step + (8 * Block) - 1);
        plan.ShouldBe(new(Weights, Step, 7, 7 * Block));
    }

    [Fact]
    public void More_than_all_sequences_at_full_length_is_never_taken() =>
        Plan(long.MaxValue / 2).KvBlocks.ShouldBe(4 * 10);

    [Fact]
    public void Without_a_budget_it_takes_at_most_half_of_what_is_left()
    {
        Plan(null, available: 1L << 40).KvBlocks.ShouldBe(40);
        Plan(null, available: Weights + Step + (2 * 30 * Block)).KvBlocks.ShouldBe(30);
        // less than a context: the door says so
        Plan(null, available: Weights + Step + (2 * Block)).KvBlocks.ShouldBe(1);
        Should.Throw<ArgumentException>(() => Plan(null, available: Weights)).Message
            .ShouldContain($"MemoryBudgetBytes is not stated and half of what weights and buffers leave of {Weights} bytes is too little");
    }

    [Fact]
    public void For_long_prompts_the_cache_is_twice_as_large_and_three_quarters_of_what_is_left_at_the_most()
    {
        Long(null, available: 1L << 40).ShouldSatisfyAllConditions(plan => plan.KvBlocks.ShouldBe(2 * 40), plan => plan.Note.ShouldBeNull());
        var scarce = Long(null, available: Weights + Step + (2 * 30 * Block));
        scarce.KvBlocks.ShouldBe(45); // usually 30
        scarce.Note.ShouldNotBeNull().ShouldContain($"the KV cache has {45 * 16} positions, not the {60 * 16} that are twice the usual");
    }

    [Fact]
    public void A_stated_budget_wins_over_the_doubling_and_is_told()
    {
        var stated = Long(Weights + Step + (50 * Block));
        stated.KvBlocks.ShouldBe(50);
        stated.Note.ShouldNotBeNull().ShouldContain($"MemoryBudgetBytes is stated, {Weights + Step + (50 * Block)}, and wins");
        Long(Weights + Step + (200 * Block)).ShouldSatisfyAllConditions(plan => plan.KvBlocks.ShouldBe(80), plan => plan.Note.ShouldBeNull());
        Plan(Weights + Step + (50 * Block)).Note.ShouldBeNull();
    }

    [Fact]
    public void The_intermediate_values_of_the_forward_pass_are_part_of_it()
    {
        var shape = Shape with { WorkspaceBytes = 500, WorkspaceBytesPerRow = 1000 };
        var options = new EngineOptions { MemoryBudgetBytes = Weights + Step + 500 + (32 * 1000) + (3 * Block) };
        MemoryPlan.For(options, Limits, shape, 160, Weights, Plenty).ShouldBe(new(Weights, Step + 500 + (32 * 1000), 3, 3 * Block));
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
        var error = Should.Throw<ArgumentException>(() => Plan(Weights + Step + Block - 1));
        error.Message.ShouldContain($"at least {Weights + Step + Block}");
        Should.Throw<ArgumentException>(() => Plan(1)).Message.ShouldContain("MemoryBudgetBytes is 1");
    }

    [Fact]
    public void A_budget_that_the_machine_does_not_have_is_an_error_with_the_figures_if_it_would_be_used()
    {
        var needed = Weights + Step + (40 * Block);
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
    [InlineData(KvPrecision.Fp8, 19)] // what is known of a block stays as large
    public void The_precision_of_keys_and_values_decides_how_many_blocks_fit(KvPrecision precision, int blocks)
    {
        var options = new EngineOptions { KvPrecision = precision, MemoryBudgetBytes = Weights + Step + (10 * Block) };
        MemoryPlan.For(options, Limits, Shape, 160, Weights, Plenty).KvBlocks.ShouldBe(blocks);
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(1024)]
    [InlineData(1025)] // whose hash table is twice as large
    public void What_is_known_of_blocks_and_rows_is_planned(int count)
    {
        const int Objects = 1000; // headers, and what does not grow
        var blockBytes = BlockPool.BytesPerBlock - sizeof(long) + PrefixCache.BytesPerBlock(32); // without the planner's
        Allocated(() => new BlockPool(count, new PrefixCache(count, 32))).ShouldBeLessThanOrEqualTo((count * blockBytes) + Objects);
        Allocated(() => new StepBatch(count, 1)).ShouldBeLessThanOrEqualTo((count * StepBatch.BytesPerRow) + Objects);
    }

    [Fact]
    public void Without_a_prefix_cache_blocks_take_less()
    {
        var options = new EngineOptions { PrefixCache = false, MemoryBudgetBytes = Weights + Step + (3 * (4096 + 24)) };
        MemoryPlan.For(options, Limits, Shape, 160, Weights, Plenty).ShouldBe(new(Weights, Step, 3, 3 * (4096 + 24)));
    }

    private static long Allocated(Func<object> make)
    {
        make(); // its code is there, and its statics
        var before = GC.GetAllocatedBytesForCurrentThread();
        GC.KeepAlive(make());
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static MemoryPlan Long(long? budget, long available = Plenty) =>
        MemoryPlan.For(new() { MemoryBudgetBytes = budget, LongPrompt = new() }, Limits, Shape, contextLength: 160, Weights, available);

    private static MemoryPlan Plan(long? budget, long available = Plenty) =>
        MemoryPlan.For(new() { MemoryBudgetBytes = budget }, Limits, Shape, contextLength: 160, Weights, available);
}
