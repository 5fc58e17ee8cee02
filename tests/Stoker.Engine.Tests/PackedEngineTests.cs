using Stoker.Engine.Models;
using Stoker.Engine.Tests.Weights.Packed;

namespace Stoker.Engine.Tests;

/// <summary>A whole engine on a packed model: same answers, same description, and what it says of its start.</summary>
public class PackedEngineTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Answers_and_describes_itself_as_from_the_plain_folder()
    {
        using var sample = PackedSample.Of("llama31");
        var (plainTokens, plain) = await RunAsync(sample.Folder, PackedUse.Never);
        var (tokens, packed) = await RunAsync(sample.Folder, PackedUse.Require);
        tokens.ShouldBe(plainTokens);
        packed.ShouldBe(plain with { EndTokens = packed.EndTokens, TargetModules = packed.TargetModules });
        packed.EndTokens.ShouldBe(plain.EndTokens);
    }

    [Fact]
    public async Task A_good_packed_model_is_nothing_to_talk_about_and_a_stale_one_is()
    {
        using var sample = PackedSample.Of("qwen3");
        await using (var good = Open(sample.Folder, new())) good.LoadNotes.ShouldBeEmpty();
        File.SetLastWriteTimeUtc(sample.Files.File("tokenizer.json"), new DateTime(2031, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        await using (var stale = Open(sample.Folder, new()))
        {
            stale.LoadNotes.ShouldHaveSingleItem().ShouldStartWith("stoker-bf16.packed was made of another tokenizer.json");
        }

        await using (var never = Open(sample.Folder, new() { Packed = PackedUse.Never })) never.LoadNotes.ShouldBeEmpty();
        Should.Throw<ModelLoadException>(() => Open(sample.Folder, new() { Packed = PackedUse.Require })).Message
            .ShouldContain("a packed model is required: run stoker pack");
    }

    [Fact]
    public async Task A_precision_without_a_packed_file_is_packed_in_memory()
    {
        using var sample = PackedSample.Of("qwen3");
        await using var engine = Open(sample.Folder, new() { Precision = Precision.Int8 });
        engine.LoadNotes.ShouldBeEmpty();
        Should.Throw<ModelLoadException>(() => Open(sample.Folder, new() { Precision = Precision.Int8, Packed = PackedUse.Require })).Message
            .ShouldStartWith("stoker-int8.packed: is not there");
    }

    [Fact]
    public async Task A_tokenizer_outlives_the_engine_it_was_mapped_for()
    {
        using var sample = PackedSample.Of("qwen3");
        var engine = Open(sample.Folder, new() { Packed = PackedUse.Require });
        var tokenizer = engine.Tokenizer;
        await engine.DisposeAsync();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        tokenizer.Decode(tokenizer.Encode("still here", addSpecialTokens: false), skipSpecialTokens: false).ShouldBe("still here");
    }

    [Theory]
    [InlineData(PackedUse.Require)]
    [InlineData(PackedUse.Never)]
    public async Task Locked_weights_answer_as_others_and_a_refusal_is_a_note(PackedUse use)
    {
        using var sample = PackedSample.Of("qwen3");
        await using var engine = Open(sample.Folder, new() { Packed = use, LockMemory = true });
        // Whether this machine lets us is not ours to say; the sentence is.
        if (engine.LoadNotes.Count > 0) engine.LoadNotes.ShouldHaveSingleItem().ShouldContain("ulimit -l");
        (await TokensAsync(engine)).Count.ShouldBe(8);
    }

    [Fact]
    public void An_unknown_use_is_refused() =>
        Should.Throw<ArgumentException>(() => InferenceEngine.Open("anywhere", new() { Packed = (PackedUse)7 })).Message.ShouldContain("Packed must be");

    private static async Task<(IReadOnlyList<int> Tokens, ModelDescription Model)> RunAsync(string folder, PackedUse use)
    {
        await using var engine = Open(folder, new() { Packed = use });
        return (await TokensAsync(engine), engine.Model);
    }

    private static async Task<IReadOnlyList<int>> TokensAsync(InferenceEngine engine)
    {
        await using var generation = engine.Submit(new()
        {
            PromptTokens = engine.Tokenizer.Encode("abc def", addSpecialTokens: true),
            MaxTokens = 8,
            IgnoreEos = true,
            Sampling = new() { Temperature = 0 },
        });
        return [.. (await generation.CompleteAsync(Cancellation)).Choices[0].Tokens.Select(token => token.Id)];
    }

    private static InferenceEngine Open(string folder, EngineOptions options) =>
        InferenceEngine.Open(folder, options with { Threads = 1, ContextLength = 64, MaxSequences = 2, StepTokens = 16 });
}
