using System.Text.Json;
using Stoker.Engine.KvCache;
using Stoker.Engine.Models;
using Stoker.Engine.Scheduling;
using Stoker.Engine.Templates;
using Stoker.Testing;

namespace Stoker.Engine.Tests;

/// <summary>The engine on a real model, through its public face.</summary>
public sealed class InferenceEngineTests
{
    /// <summary>Keys, values and activations as the reference has them; the emitted set rounds activations to bf16.</summary>
    private static readonly EngineOptions Exact = new() { Threads = 1, KvPrecision = KvPrecision.F32, KernelSet = "portable" };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void A_folder_that_is_not_there_is_named() =>
        Should.Throw<ModelLoadException>(() => InferenceEngine.Open("no/such/folder")).Message.ShouldBe("no/such/folder: there is no such folder");

    [Fact]
    public async Task Greedy_answers_are_the_reference_answers()
    {
        await using var engine = StoryEngine.Open(Exact);
        var running = StoryEngine.Prompts.Select(prompt => (prompt, engine.CompleteAsync(Request(prompt)))).ToList();
        foreach (var (prompt, answer) in running)
        {
            var expected = StoryEngine.Ids(prompt.GetProperty("greedy_ids"));
            var choice = (await answer).Choices[0];
            var sure = prompt.GetProperty("greedy_first_gap_below_0_01") is { ValueKind: JsonValueKind.Number } first
                ? first.GetInt32()
                : expected.Length;
            choice.Tokens.Select(token => token.Id).Take(sure).ShouldBe(expected.Take(sure));
            if (sure == expected.Length) choice.Text.ShouldBe(prompt.GetProperty("greedy_text").GetString());
            choice.Finish.ShouldBe(FinishReason.Length);
        }
    }

    [Fact]
    public async Task Echoed_logprobs_are_the_reference_logprobs()
    {
        await using var engine = StoryEngine.Open(Exact);
        var golden = StoryEngine.Golden.GetProperty("logprob");
        var ids = StoryEngine.Ids(golden.GetProperty("input_ids"));
        var result = await engine.CompleteAsync(new() { PromptTokens = ids, MaxTokens = 0, Echo = true, Logprobs = 0 });
        var expected =
            golden.GetProperty("token_logprobs").EnumerateArray().Select(value => value.GetDouble()).ToList();
        var values = result.Choices[0].PromptTokens.Skip(ids.Length - expected.Count).Select(token => token.Logprob.ShouldNotBeNull()).ToList();
        for (var index = 0; index < expected.Count; index++) values[index].ShouldBe(expected[index], 1e-3);
    }

    [Fact]
    public async Task A_chat_is_rendered_encoded_and_answered()
    {
        await using var engine = StoryEngine.Open();
        var messages =
            JsonSerializer.SerializeToElement(new[] { new { role = "user", content = "Tell me a story about Lily." } });
        var prompt = engine.ChatTemplate.ShouldNotBeNull().Render(new ChatTemplateInput { Messages = messages, AddGenerationPrompt = true });
        var ids = engine.Tokenizer.Encode(prompt, addSpecialTokens: false);
        var result =
            await engine.CompleteAsync(new() { PromptTokens = ids, MaxTokens = 30, Sampling = new() { Seed = 1 } });
        result.Choices[0].Text.ShouldNotBeEmpty();
        result.Usage.PromptTokens.ShouldBe(ids.Length);
    }

    [Fact]
    public async Task Defaults_come_from_the_request_then_the_deployment_then_the_model_then_the_api()
    {
        await using var plain = StoryEngine.Open();
        plain.DefaultSampling.ShouldBe(SamplingOptions.ApiDefaults with { Temperature = 0.7, TopK = 40, TopP = 0.95 });
        await using var deployed = StoryEngine.Open(new() { Threads = 1, DefaultSampling = new() { Temperature = 0, MinP = 0.1 } });
        deployed.DefaultSampling.ShouldBe(SamplingOptions.ApiDefaults with { Temperature = 0, TopK = 40, TopP = 0.95, MinP = 0.1 });

        var request = Request(StoryEngine.Prompts[0]) with { MaxTokens = 8 };
        var greedy = (await plain.CompleteAsync(request)).Choices[0].Text;
        (await deployed.CompleteAsync(request with { Sampling = new() })).Choices[0].Text.ShouldBe(greedy);
        var hot = await deployed.CompleteAsync(request with { Sampling = new() { Temperature = 2, TopK = 0, TopP = 1, MinP = 0, Seed = 3 } });
        hot.Choices[0].Text.ShouldNotBe(greedy);
    }

    [Fact]
    public async Task The_face_says_what_was_opened()
    {
        await using var engine = StoryEngine.Open(new() { Threads = 1, ContextLength = 256 });
        (engine.Model.Kind, engine.Model.ParameterCount, engine.Model.ContextLength).ShouldBe((ModelKind.Base, 3_148_608, 512));
        engine.ContextLength.ShouldBe(256);
        engine.Tokenizer.VocabularySize.ShouldBe(2048);
        (engine.Statistics.Threads, engine.Statistics.KernelSet.Length > 0).ShouldBe((1, true));
        (engine.Statistics.KvPrecision, engine.Statistics.KvBlockSize).ShouldBe(("bf16", 32));
        Should.Throw<RequestRefusedException>(() => engine.Submit(new() { PromptTokens = [1], MaxTokens = 256 })).Kind.ShouldBe(RefusalKind.TooLong);
    }

    [Fact]
    public async Task A_drawn_seed_repeats_the_answer()
    {
        await using var engine = StoryEngine.Open();
        // So warm that two seeds never give the same 40 tokens; the model is quite sure of a story's beginning.
        var warm = new SamplingOptions { Temperature = 2 };
        var request = new GenerationRequest
        {
            PromptTokens = StoryEngine.Ids(StoryEngine.Prompts[0].GetProperty("input_ids")),
            MaxTokens = 40,
            IgnoreEos = true,
            Sampling = warm,
        };
        await using var first = engine.Submit(request);
        var text = (await first.CompleteAsync(Cancellation)).Choices[0].Text;
        (await engine.CompleteAsync(request with { Sampling = warm with { Seed = first.Seed } })).Choices[0].Text.ShouldBe(text);
        (await engine.CompleteAsync(request with { Sampling = warm with { Seed = first.Seed + 1 } })).Choices[0].Text.ShouldNotBe(text);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Deltas_joined_are_what_decoding_all_tokens_at_once_gives(bool skipSpecial)
    {
        await using var engine = StoryEngine.Open();
        foreach (var seed in new[] { 1, 2, 3 })
        {
            var result = await engine.CompleteAsync(new()
            {
                PromptTokens = [2040],
                MaxTokens = 60,
                IgnoreEos = true,
                SkipSpecialTokens = skipSpecial,
                Sampling = new() { Temperature = 2, TopK = 0, TopP = 1, Seed = seed }, // nearly any byte may come
            });
            int[] ids = [.. result.Choices[0].Tokens.Select(token => token.Id)];
            ids.Length.ShouldBe(60);
            result.Choices[0].Text.ShouldBe(engine.Tokenizer.Decode(ids, skipSpecial));
        }
    }

    [Fact]
    public async Task A_stop_string_that_spans_tokens_ends_the_story()
    {
        await using var engine = StoryEngine.Open();
        var request = Request(StoryEngine.Prompts[0]);
        var text = (await engine.CompleteAsync(request)).Choices[0].Text;
        const string Stop = "named Lily. Sh"; // seven tokens, cut in the middle of the last
        text.ShouldContain(Stop);
        var stopped = (await engine.CompleteAsync(request with { Stop = [Stop] })).Choices[0];
        (stopped.Text, stopped.Finish).ShouldBe((text[..text.IndexOf(Stop, StringComparison.Ordinal)], FinishReason.Stop));
        stopped = (await engine.CompleteAsync(request with { Stop = [Stop], IncludeStopText = true })).Choices[0];
        stopped.Text.ShouldEndWith(Stop);
    }

    [Fact]
    public void A_missing_file_is_a_load_error_that_names_it() =>
        Should.Throw<ModelLoadException>(() => InferenceEngine.Open(TestData.Model("story-3m-eagle"))).Message.ShouldContain("tokenizer.json");

    [Fact]
    public void Options_out_of_range_stop_the_opening_by_name()
    {
        Refused(new() { Threads = -1 }, "Threads");
        Refused(new() { Threads = 1025 }, "Threads");
        Refused(new() { MaxSequences = 0 }, "MaxSequences");
        Refused(new() { MaxSequences = 4097 }, "MaxSequences");
        Refused(new() { StepTokens = int.MaxValue }, "StepTokens");
        Refused(new() { MaxSequences = 8, StepTokens = 7 }, "StepTokens");
        Refused(new() { StepTime = TimeSpan.FromTicks(-1) }, "StepTime");
        Refused(new() { StepTime = TimeSpan.FromMinutes(2) }, "StepTime");
        Refused(new() { MaxQueuedRequests = 0 }, "MaxQueuedRequests");
        Refused(new() { MaxUnreadEvents = 0 }, "MaxUnreadEvents");
        Refused(new() { WatchdogSteps = 0 }, "WatchdogSteps");
        Refused(new() { ContextLength = 0 }, "ContextLength");
        Refused(new() { ContextLength = 513 }, "ContextLength");
        Refused(new() { MemoryBudgetBytes = 1 }, "MemoryBudgetBytes");
        Refused(new() { KvPrecision = (KvPrecision)9 }, "KvPrecision must be one of Auto, F32, Bf16, Fp8, was 9");
        Refused(new() { KernelSet = "abacus" }, "abacus");
        Refused(new() { DefaultSampling = new() { TopP = 7 } }, "DefaultSampling");
        Refused(new() { LongPrompt = new() { ChunkTokens = 31 } }, "LongPrompt.ChunkTokens must be from MaxSequences (32) to 16384, was 31");
        Refused(new() { LongPrompt = new() { ChunkTokens = 16_385 } }, "LongPrompt.ChunkTokens must be from");
        Refused(new() { LongPrompt = new() { DecodeShare = 0.04 } }, "LongPrompt.DecodeShare must be from 0.05 to 0.95, was 0.04");
        Refused(new() { LongPrompt = new() { DecodeShare = 1 } }, "LongPrompt.DecodeShare must be from");
        Refused(new() { LongPrompt = new() { DecodeShare = double.NaN } }, "LongPrompt.DecodeShare must be from");
        Refused(new() { LongPrompt = new() { PrefixShare = -0.1 } }, "LongPrompt.PrefixShare must be from 0 to 0.9, was -0.1");
        Refused(new() { LongPrompt = new() { PrefixShare = 0.91 } }, "LongPrompt.PrefixShare must be from");

        static void Refused(EngineOptions options, string name) =>
            Should.Throw<ArgumentException>(() => StoryEngine.Open(options with { Threads = options.Threads == 0 ? 1 : options.Threads })).Message.ShouldContain(name);
    }

    [Fact]
    public async Task A_small_budget_gives_a_small_cache_and_long_requests_are_refused_at_the_door()
    {
        MemoryPlan ample;
        await using (var first = StoryEngine.Open()) ample = first.Memory;
        var small = ample.WeightBytes + ample.StepBytes + (5 * ample.KvBytes / ample.KvBlocks);
        await using var engine = StoryEngine.Open(new() { Threads = 1, MemoryBudgetBytes = small });
        engine.Statistics.KvBlocksTotal.ShouldBe(5);
        var refusal =
            Should.Throw<RequestRefusedException>(() => engine.Submit(new() { PromptTokens = [1], MaxTokens = 511 }));
        refusal.Kind.ShouldBe(RefusalKind.NeverFits);
        Should.Throw<RequestRefusedException>(() => engine.Submit(new() { PromptTokens = [1], MaxTokens = 512 })).Kind.ShouldBe(RefusalKind.TooLong);
        engine.Statistics.Refused.ShouldBe(2);
    }

    [Fact]
    public async Task For_long_prompts_steps_and_cache_are_larger_and_answers_the_same()
    {
        MemoryPlan usual, larger;
        GenerationResult one;
        await using (var engine = StoryEngine.Open())
        {
            usual = engine.Memory;
            one = await engine.CompleteAsync(Request(StoryEngine.Prompts[0]));
        }

        await using (var engine = StoryEngine.Open(new() { Threads = 1, LongPrompt = new() { ChunkTokens = 768 } }))
        {
            larger = engine.Memory;
            (await engine.CompleteAsync(Request(StoryEngine.Prompts[0]))).Choices[0].Text.ShouldBe(one.Choices[0].Text);
            engine.LoadNotes.ShouldBeEmpty();
        }

        larger.KvBlocks.ShouldBe(2 * usual.KvBlocks);
        larger.StepBytes.ShouldBeGreaterThan(usual.StepBytes);
        await using var stated = StoryEngine.Open(new() { Threads = 1, LongPrompt = new(), MemoryBudgetBytes = larger.WeightBytes + (2 * larger.StepBytes) + (larger.KvBytes / 4) });
        stated.LoadNotes.ShouldHaveSingleItem().ShouldContain("MemoryBudgetBytes is stated");
    }

    [Theory]
    [InlineData(KvPrecision.F32, 4)]
    [InlineData(KvPrecision.Bf16, 2)]
    [InlineData(KvPrecision.Auto, 2)]
    [InlineData(KvPrecision.Fp8, 1)]
    public async Task Keys_and_values_take_the_memory_of_their_precision_and_the_model_answers_with_each(KvPrecision precision, int elementBytes)
    {
        await using var engine = StoryEngine.Open(new() { Threads = 1, KvPrecision = precision });
        (engine.Memory.KvBytes / engine.Memory.KvBlocks).ShouldBe(
            (32 * (2 * 7 * 2 * 32) * elementBytes) // positions x (k and v x layers x heads x dimensions)
            + BlockPool.BytesPerBlock + PrefixCache.BytesPerBlock(32));
        var text = (await engine.CompleteAsync(Request(StoryEngine.Prompts[0]) with { MaxTokens = 24 })).Choices[0].Text;
        text.ShouldStartWith(StoryEngine.Prompts[0].GetProperty("greedy_text").GetString()![..16]);
    }

    private static GenerationRequest Request(JsonElement prompt) => new()
    {
        PromptTokens = StoryEngine.Ids(prompt.GetProperty("input_ids")),
        Sampling = new() { Temperature = 0 },
        MaxTokens = prompt.GetProperty("greedy_ids").GetArrayLength(),
        IgnoreEos = true,
        SkipSpecialTokens = false,
    };
}
