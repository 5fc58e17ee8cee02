using Stoker.Testing;

namespace Stoker.Engine.Tests.Speculation;

/// <summary>What cannot draft for a model is refused when the engine opens, with the reason and what to do.</summary>
public sealed class DraftModelTests
{
    [Fact]
    public void A_model_of_another_tokenizer_is_refused() =>
        Refused(TestData.Architecture("qwen2")).ShouldSatisfyAllConditions(
            message => message.ShouldContain("qwen2/tokenizer.json"),
            message => message.ShouldContain("has 264 tokens, and that of story-3m, which it is to draft for, has 20"),
            message => message.ShouldContain("same tokenizer"));

    [Fact]
    public void A_tokenizer_of_the_same_size_with_one_other_token_is_refused()
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Model("story-draft-400k"));
        var tokenizer = folder.File("tokenizer.json");
        File.WriteAllText(tokenizer, File.ReadAllText(tokenizer).Replace("<|im_end|>", "<|im_stop|>", StringComparison.Ordinal));
        Refused(folder.Path).ShouldContain("is another one than in story-3m, which it is to draft for");
    }

    [Fact]
    public void A_lora_addon_is_refused() => Refused(TestData.Model("story-3m-lora-zog")).ShouldContain("is a LoRA addon");

    /// <summary>The model has files of the same names.</summary>
    [Theory]
    [InlineData("story-draft-400k")]
    [InlineData("story-3m-eagle")]
    public void A_cut_file_is_named_with_its_folder(string draft)
    {
        using var place = new TemporaryFolder();
        var folder = Directory.CreateDirectory(place.File(draft)).FullName;
        foreach (var path in Directory.GetFiles(TestData.Model(draft))) File.Copy(path, Path.Combine(folder, Path.GetFileName(path)));
        using (var file = File.OpenWrite(Path.Combine(folder, "model.safetensors"))) file.SetLength(100_000);
        Refused(folder).ShouldStartWith($"{draft}/model.safetensors: the tensors end at data byte ");
    }

    [Fact]
    public void A_folder_that_is_not_there_is_named() => Refused("no/such/draft").ShouldContain("no/such/draft: there is no such folder for the draft model");

    [Fact]
    public async Task No_draft_tokens_load_no_draft_model()
    {
        await using var engine = StoryEngine.Open(new() { Threads = 1, Speculation = new() { DraftFolder = "no/such/draft", DraftTokens = 0 } });
        (await engine.CompleteAsync(new() { PromptTokens = [5], MaxTokens = 20 })).Usage.Speculation.ShouldBeNull();
    }

    [Fact]
    public async Task Memory_counts_the_draft_model()
    {
        var options = new EngineOptions { Threads = 1, MaxSequences = 4 };
        await using var plain = StoryEngine.Open(options);
        await using var drafting = StoryEngine.Open(options with { Speculation = new() { DraftFolder = TestData.Model("story-draft-400k") } });
        drafting.Memory.WeightBytes.ShouldBeGreaterThan(plain.Memory.WeightBytes + 200_000);
        drafting.Memory.StepBytes.ShouldBeGreaterThan(plain.Memory.StepBytes);
        drafting.Memory.KvBlocks.ShouldBe(plain.Memory.KvBlocks);
        // 2 layers of 1 kv head of 32, keys and values, 16 bit, 32 positions; and which hand-out they are of
        ((drafting.Memory.KvBytes - plain.Memory.KvBytes) / plain.Memory.KvBlocks).ShouldBe((2 * 2 * 32 * 2 * 32) + sizeof(uint));
    }

    [Fact]
    public async Task Memory_counts_an_eagle_head()
    {
        var options = new EngineOptions { Threads = 1, MaxSequences = 4 };
        await using var plain = StoryEngine.Open(options);
        await using var drafting = StoryEngine.Open(options with { Speculation = new() { DraftFolder = TestData.Model("story-3m-eagle") } });
        drafting.Memory.WeightBytes.ShouldBeGreaterThan(plain.Memory.WeightBytes + 900_000);
        // the target's states and those that wait, of 192 numbers
        drafting.Memory.StepBytes.ShouldBeGreaterThan(plain.Memory.StepBytes + (2L * options.StepTokens * 192 * sizeof(float)));
        // 1 layer of 2 kv heads of 32, keys and values, 16 bit, 32 positions; and which hand-out they are of
        ((drafting.Memory.KvBytes - plain.Memory.KvBytes) / plain.Memory.KvBlocks).ShouldBe((2 * 2 * 32 * 2 * 32) + sizeof(uint));
    }

    [Fact]
    public void An_eagle_head_of_another_model_is_refused_with_both() =>
        Should.Throw<ModelLoadException>(() => InferenceEngine.Open(
            TestData.Model("story-draft-400k"), new() { Threads = 1, Speculation = new() { DraftFolder = TestData.Model("story-3m-eagle") } }))
            .Message.ShouldBe("story-3m-eagle/config.json: hidden_size: is 192, and that of story-draft-400k, which it is to draft for, is 96; "
                + "an EAGLE head is trained for one model: name the one for this model, or leave it out");

    [Theory]
    [InlineData(-1, 0, "DraftTokens")]
    [InlineData(17, 0, "DraftTokens")]
    [InlineData(4, -1, "NgramLength")]
    [InlineData(4, 33, "NgramLength")]
    public void Options_out_of_range_are_named(int draftTokens, int ngramLength, string option) =>
        Should.Throw<ArgumentException>(() => StoryEngine.Open(new() { Speculation = new() { DraftTokens = draftTokens, NgramLength = ngramLength } }))
            .Message.ShouldContain(option);

    [Fact]
    public void A_draft_model_and_ngrams_together_are_refused() =>
        Should.Throw<ArgumentException>(() => StoryEngine.Open(new() { Speculation = new() { DraftFolder = TestData.Model("story-draft-400k"), NgramLength = 3 } }))
            .Message.ShouldContain("DraftFolder and NgramLength cannot be used together");

    private static string Refused(string folder) =>
        Should.Throw<ModelLoadException>(() => StoryEngine.Open(new() { Threads = 1, Speculation = new() { DraftFolder = folder } })).Message;
}
