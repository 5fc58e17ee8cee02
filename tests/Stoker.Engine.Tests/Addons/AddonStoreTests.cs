using System.Text.Json.Nodes;
using Stoker.Engine.Models;
using Stoker.Engine.Tests.Scheduling;
using Stoker.Engine.Tests.Weights;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Addons;

/// <summary>Loading, unloading and eviction while requests run: nobody who runs notices, and what is wrong is said by name.</summary>
public sealed class AddonStoreTests
{
    private static readonly string Base = TestData.Model("story-3m");
    private static readonly string Zog = TestData.Model("story-3m-lora-zog");
    private static readonly string Bolt = TestData.Model("story-3m-lora-bolt");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_addon_is_its_contents_whatever_its_folder_is_called()
    {
        await using var engine = StoryEngine.Open(Options());
        using var copy = TemporaryFolder.CopyOf(Bolt);
        using var other = TemporaryFolder.CopyOf(Bolt);
        other.SetJson(PeftAddon.ConfigFile, "lora_alpha", 9);
        using var renamed = TemporaryFolder.CopyOf(Bolt);
        renamed.SetJson(PeftAddon.ConfigFile, "base_model_name_or_path", "another-name");

        var bolt = await engine.LoadAddonAsync(Bolt, Cancellation);
        bolt.Digest.ShouldBe("4b453f3f7aefde93489fd1fbcd7bf4484ee0fee562521966c0d11d9291d9d9b6"); // by another program, of the files alone
        (bolt.Rank, string.Join(' ', bolt.Modules)).ShouldBe((4, "q_proj v_proj"));
        (await engine.LoadAddonAsync(copy.Path, Cancellation)).Digest.ShouldBe(bolt.Digest);
        (await engine.LoadAddonAsync(renamed.Path, Cancellation)).Digest.ShouldBe(bolt.Digest);
        (await engine.LoadAddonAsync(other.Path, Cancellation)).Digest.ShouldNotBe(bolt.Digest);
        engine.Addons.Count.ShouldBe(2);
        engine.Statistics.Addons.UsedBytes.ShouldBe(2 * bolt.Bytes);
    }

    [Fact]
    public async Task Unknown_addons_and_engines_without_any_are_refused()
    {
        await using var engine = StoryEngine.Open(Options());
        var bolt = await engine.LoadAddonAsync(Bolt, Cancellation);
        Refusal(engine, "0123").Message.ShouldContain("No addon with this digest");
        engine.UnloadAddon(bolt.Digest).ShouldBeTrue();
        engine.UnloadAddon(bolt.Digest).ShouldBeFalse();
        Refusal(engine, bolt.Digest).Parameter.ShouldBe("addon");
        engine.Statistics.Addons.UsedBytes.ShouldBe(0);

        await using var without = StoryEngine.Open();
        Refusal(without, bolt.Digest).Message.ShouldContain("without addons");
        (await Should.ThrowAsync<InvalidOperationException>(() => without.LoadAddonAsync(Bolt, Cancellation))).Message.ShouldContain("EngineOptions.Addons");
    }

    [Theory]
    [MemberData(nameof(BrokenFolders))]
    public async Task What_cannot_be_used_is_refused_by_name_and_leaves_running_requests_alone(string what, string message)
    {
        await using var engine = StoryEngine.Open(Options());
        var zog = await engine.LoadAddonAsync(Zog, Cancellation);
        var request = Request(zog.Digest);
        var alone = await engine.CompleteAsync(request);
        using var folder = TemporaryFolder.CopyOf(Bolt);
        Break(folder, what);

        var running = engine.Submit(request);
        var error = await Should.ThrowAsync<ModelLoadException>(() => engine.LoadAddonAsync(folder.Path, Cancellation));
        error.Message.ShouldContain(message);
        StepLoopTests.Same((await running.CompleteAsync(Cancellation)).Choices[0], alone.Choices[0]);
        engine.Addons.Count.ShouldBe(1);
        engine.Statistics.Addons.UsedBytes.ShouldBe(zog.Bytes);
    }

    public static TheoryData<string, string> BrokenFolders() => new()
    {
        { "cut file", "adapter_model.safetensors" },
        { "no file", "adapter_model.safetensors" },
        { "pickle", "pickle" },
        { "wrong base", "the base model's is [" },
        { "no such module", "is no module of the base model" },
        { "matches nothing", "holds no tensor" },
        { "missing tensors", "is a target of adapter_config.json, but its tensors are missing" },
        { "rank too high", "1 to 16 is supported" },
        { "dora", "use_dora" },
        { "not a number", "model.layers.6.self_attn.v_proj.lora_B.weight: row 63 holds NaN" },
        { "terabyte", "model.layers.0.self_attn.q_proj: is for a weight [" },
    };

    [Fact]
    public async Task An_addon_that_is_unloaded_while_it_is_in_use_is_there_to_the_last_request()
    {
        await using var engine = StoryEngine.Open(Options() with { MaxSequences = 1 });
        var zog = await engine.LoadAddonAsync(Zog, Cancellation);
        var alone = await engine.CompleteAsync(Request(zog.Digest));
        Generation[] open = [engine.Submit(Request(zog.Digest)), engine.Submit(Request(zog.Digest))]; // one runs, one waits
        engine.UnloadAddon(zog.Digest).ShouldBeTrue();
        Refusal(engine, zog.Digest).Kind.ShouldBe(RefusalKind.Invalid);
        foreach (var generation in open) StepLoopTests.Same((await generation.CompleteAsync(Cancellation)).Choices[0], alone.Choices[0]);
        engine.Statistics.Addons.UsedBytes.ShouldBe(0);
        (await engine.LoadAddonAsync(Zog, Cancellation)).Digest.ShouldBe(zog.Digest);
        StepLoopTests.Same((await engine.CompleteAsync(Request(zog.Digest))).Choices[0], alone.Choices[0]);
    }

    [Fact]
    public async Task A_pool_that_is_too_small_for_an_addon_says_so()
    {
        await using var engine = StoryEngine.Open(Options() with { Addons = new() { PoolBytes = 1000 } });
        (await Should.ThrowAsync<InvalidOperationException>(() => engine.LoadAddonAsync(Bolt, Cancellation))).Message.ShouldContain("PoolBytes");
    }

    [Fact]
    public async Task A_thousand_registered_addons_answer_from_a_pool_of_four()
    {
        const int Count = 1000;
        await using var engine = StoryEngine.Open(Options() with { MaxQueuedRequests = 100 });
        using var folders = new Folders();
        var digests = new string[Count];
        for (var index = 0; index < Count; index++) digests[index] = (await engine.LoadAddonAsync(folders.Scaled(index), Cancellation)).Digest;
        digests.Distinct().Count().ShouldBe(Count);
        (engine.Statistics.Addons.Registered, engine.Statistics.Addons.Loaded).ShouldBe((Count, 4));

        var random = new Random(7);
        var asked = Enumerable.Range(0, 60).Select(_ => random.Next(Count)).ToList();
        var generations = asked.Select(index => engine.Submit(Short(digests[index]))).ToList();
        foreach (var generation in generations) (await generation.CompleteAsync(Cancellation)).Choices[0].Finish.ShouldBe(FinishReason.Length);
        engine.Statistics.Addons.Evictions.ShouldBeGreaterThan(Count);

        // The first asked for again, alone: the same bits as among the others.
        await using var other = StoryEngine.Open(Options());
        var own = (await other.LoadAddonAsync(folders.Scaled(asked[0]), Cancellation)).Digest;
        own.ShouldBe(digests[asked[0]]);
        StepLoopTests.Same((await engine.CompleteAsync(Short(own))).Choices[0], (await other.CompleteAsync(Short(own))).Choices[0]);
    }

    [Fact]
    public async Task An_addon_whose_files_changed_since_fails_its_own_requests_only()
    {
        await using var engine = StoryEngine.Open(Options() with { Addons = new() { MaxLoaded = 1, MaxRank = 16 } });
        using var folder = TemporaryFolder.CopyOf(Bolt);
        var bolt = await engine.LoadAddonAsync(folder.Path, Cancellation);
        var zog = await engine.LoadAddonAsync(Zog, Cancellation); // bolt leaves the memory
        var bytes = await File.ReadAllBytesAsync(folder.File(PeftAddon.WeightsFile), Cancellation);
        bytes[^1] ^= 1;
        await File.WriteAllBytesAsync(folder.File(PeftAddon.WeightsFile), bytes, Cancellation);

        var running = engine.Submit(Request(zog.Digest));
        var plain = engine.Submit(Request(null));
        var failed = (await engine.CompleteAsync(Request(bolt.Digest))).Choices[0];
        failed.Finish.ShouldBe(FinishReason.Error);
        failed.Error!.Message.ShouldContain("is not what it was when the addon was loaded");
        foreach (var generation in new[] { running, plain }) (await generation.CompleteAsync(Cancellation)).Choices[0].Finish.ShouldNotBe(FinishReason.Error);
        engine.Statistics.Addons.Failures.ShouldBe(1);

        bytes[^1] ^= 1;
        await File.WriteAllBytesAsync(folder.File(PeftAddon.WeightsFile), bytes, Cancellation);
        (await engine.CompleteAsync(Request(bolt.Digest))).Choices[0].Finish.ShouldNotBe(FinishReason.Error);
    }

    [Fact]
    public async Task An_addon_is_read_again_from_where_it_was_loaded_last()
    {
        await using var engine = StoryEngine.Open(Options() with { Addons = new() { MaxLoaded = 1, MaxRank = 16 } });
        LoadedAddon bolt;
        using (var first = TemporaryFolder.CopyOf(Bolt)) bolt = await engine.LoadAddonAsync(first.Path, Cancellation);
        await engine.LoadAddonAsync(Zog, Cancellation);
        var failed = (await engine.CompleteAsync(Request(bolt.Digest))).Choices[0];
        failed.Finish.ShouldBe(FinishReason.Error);
        failed.Error!.Message.ShouldContain("there is no such folder");
        failed.Error.Message.ShouldNotContain("/"); // a client does not learn where
        (await engine.LoadAddonAsync(Bolt, Cancellation)).ShouldBe(bolt);
        (await engine.CompleteAsync(Request(bolt.Digest))).Choices[0].Finish.ShouldNotBe(FinishReason.Error);
    }

    [Fact]
    public async Task Loaded_from_two_folders_an_addon_outlives_either()
    {
        await using var engine = StoryEngine.Open(Options() with { Addons = new() { MaxLoaded = 1, MaxRank = 16 } });
        using var older = TemporaryFolder.CopyOf(Bolt);
        var bolt = await engine.LoadAddonAsync(older.Path, Cancellation);
        using (var newer = TemporaryFolder.CopyOf(Bolt)) (await engine.LoadAddonAsync(newer.Path, Cancellation)).ShouldBe(bolt);
        await engine.LoadAddonAsync(Zog, Cancellation); // bolt leaves the memory
        (await engine.CompleteAsync(Request(bolt.Digest))).Choices[0].Finish.ShouldNotBe(FinishReason.Error);
    }

    [Fact]
    public async Task Cancelled_while_it_waits_for_its_addon_a_request_leaves_nothing_behind()
    {
        await using var engine = StoryEngine.Open(Options() with { Addons = new() { MaxLoaded = 1, MaxRank = 16 } });
        var (bolt, zog) = (await engine.LoadAddonAsync(Bolt, Cancellation), await engine.LoadAddonAsync(Zog, Cancellation));
        var running = engine.Submit(Request(zog.Digest) with { MaxTokens = 200, IgnoreEos = true });
        await using (engine.Submit(Request(bolt.Digest)))
        {
        }

        (await running.CompleteAsync(Cancellation)).Choices[0].Tokens.Count.ShouldBe(200);
        engine.Addons.ShouldAllBe(addon => addon.Requests == 0);
        (await engine.CompleteAsync(Request(bolt.Digest))).Choices[0].Finish.ShouldNotBe(FinishReason.Error);
    }

    [Theory]
    [InlineData(0, 64, null, "Addons.MaxLoaded")]
    [InlineData(4, 0, null, "Addons.MaxRank")]
    [InlineData(4, 64, 0L, "Addons.PoolBytes")]
    [InlineData(4, 64, long.MaxValue, "Addons.PoolBytes")]
    public void Options_out_of_range_are_refused_by_name(int loaded, int rank, long? bytes, string name) =>
        Should.Throw<ArgumentException>(() => StoryEngine.Open(new() { Addons = new() { MaxLoaded = loaded, MaxRank = rank, PoolBytes = bytes } }))
            .Message.ShouldStartWith(name);

    [Theory]
    [InlineData(16, 64, 256)]
    [InlineData(20, 64, 320)]
    [InlineData(2, 64, 64)] // one of the highest rank
    public async Task The_pool_is_what_the_description_of_the_model_leads_to(int loaded, int rank, int ranks)
    {
        await using var engine = StoryEngine.Open(new() { Threads = 1, Addons = new() { MaxLoaded = loaded, MaxRank = rank } });
        engine.Statistics.Addons.PoolBytes.ShouldBe(ranks * ModelFolder.Inspect(Base).AddonBytesPerRank!.Value);
    }

    [Fact]
    public async Task The_pool_is_part_of_the_memory_budget()
    {
        await using var engine = StoryEngine.Open(Options());
        var plan = engine.Memory;
        plan.AddonBytes.ShouldBe(engine.Statistics.Addons.PoolBytes);
        plan.AddonBytes.ShouldBePositive();
        var least = plan.WeightBytes + plan.StepBytes + plan.AddonBytes + (plan.KvBytes / plan.KvBlocks);
        await using (StoryEngine.Open(Options() with { MemoryBudgetBytes = least }))
        {
        }

        Should.Throw<ArgumentException>(() => StoryEngine.Open(Options() with { MemoryBudgetBytes = least - 1 }))
            .Message.ShouldContain($"the pool of addons {plan.AddonBytes}");
    }

    [Fact]
    public void A_pool_that_is_larger_than_the_machine_is_refused_with_its_options_name() =>
        Should.Throw<ArgumentException>(() => StoryEngine.Open(Options() with { Addons = new() { PoolBytes = 1L << 47 } })).Message
            .ShouldContain($"the pool of addons {1L << 47} (PoolBytes)");

    [Fact]
    public async Task Merged_at_load_an_addon_needs_no_packed_file_and_no_name()
    {
        await using var engine = StoryEngine.Open(new() { Threads = 1, MergeAddon = Zog });
        (await engine.CompleteAsync(Request(null))).Choices[0].Text.ShouldContain("Zog");
        Should.Throw<ArgumentException>(() => StoryEngine.Open(new() { MergeAddon = Zog, Packed = PackedUse.Require })).Message.ShouldContain("MergeAddon");
        Should.Throw<ModelLoadException>(() => StoryEngine.Open(new() { MergeAddon = Base })).Message.ShouldContain(PeftAddon.ConfigFile);
        using var broken = TemporaryFolder.CopyOf(Bolt);
        Break(broken, "not a number");
        Should.Throw<ModelLoadException>(() => StoryEngine.Open(new() { MergeAddon = broken.Path })).Message.ShouldContain("holds NaN");
    }

    private static EngineOptions Options() => AddonNeighbourTests.Options();

    private static RequestRefusedException Refusal(InferenceEngine engine, string digest) =>
        Should.Throw<RequestRefusedException>(() => { _ = engine.Submit(Request(digest)); });

    private static GenerationRequest Request(string? addon) => new()
    {
        PromptTokens = StoryEngine.Ids(StoryEngine.Prompts[0].GetProperty("input_ids")),
        MaxTokens = 40,
        Logprobs = 2,
        Addon = addon,
        Sampling = new() { Temperature = 0 },
    };

    private static GenerationRequest Short(string addon) => Request(addon) with { MaxTokens = 3, IgnoreEos = true };

    private static void Break(TemporaryFolder folder, string what)
    {
        var weights = folder.File(PeftAddon.WeightsFile);
        switch (what)
        {
            case "cut file": File.WriteAllBytes(weights, File.ReadAllBytes(weights)[..^100]); break;
            case "no file": File.Delete(weights); break;
            case "pickle": File.Move(weights, folder.File("adapter_model.bin")); break;
            case "wrong base": Take(RandomAddon.Write(TestData.Model("story-draft-400k"), 4, seed: 1)); break;
            case "no such module": Take(RandomAddon.Write(TestData.Architecture("phi3"), path => path.Contains("qkv", StringComparison.Ordinal) ? 4 : 0, seed: 1)); break;
            case "matches nothing": Take(RandomAddon.Write(Base, _ => 0, seed: 1, change: config => config["target_modules"] = "no_such_module")); break;
            case "missing tensors": folder.SetJson(PeftAddon.ConfigFile, "target_modules", JsonNode.Parse("""["q_proj", "v_proj", "o_proj"]""")); break;
            case "not a number": File.WriteAllBytes(weights, [.. File.ReadAllBytes(weights)[..^2], 0xC0, 0x7F]); break;
            case "terabyte": WriteTerabyte(weights); break;
            case "rank too high": Take(RandomAddon.Write(Base, 17, seed: 1)); break;
            default: folder.SetJson(PeftAddon.ConfigFile, "use_dora", true); break;
        }

        void Take(TemporaryFolder other)
        {
            using (other)
            {
                foreach (var file in Directory.EnumerateFiles(other.Path)) File.Copy(file, folder.File(Path.GetFileName(file)), overwrite: true);
            }
        }
    }

    /// <summary>Refused by what its header says: nobody has the memory to read it first.</summary>
    private static void WriteTerabyte(string path)
    {
        const string Name = "base_model.model.model.layers.0.self_attn.q_proj.lora_";
        const long Inputs = 1L << 36;
        var file = SafetensorsBuilder.FromHeader(
            $$"""
            {"{{Name}}A.weight":{"dtype":"F32","shape":[4,{{Inputs}}],"data_offsets":[0,{{16 * Inputs}}]},
             "{{Name}}B.weight":{"dtype":"F32","shape":[8,4],"data_offsets":[{{16 * Inputs}},{{(16 * Inputs) + 128}}]} }
            """, []);
        File.WriteAllBytes(path, file);
        using var handle = File.OpenHandle(path, access: FileAccess.Write);
        RandomAccess.SetLength(handle, file.Length + (16 * Inputs) + 128); // takes no blocks of the disk
    }

    /// <summary>Bolt with another alpha in each folder; the tensors are one file.</summary>
    private sealed class Folders : IDisposable
    {
        private readonly TemporaryFolder _root = new();

        public string Scaled(int index)
        {
            var folder = Path.Combine(_root.Path, index.ToString(System.Globalization.CultureInfo.InvariantCulture));
            if (Directory.Exists(folder)) return folder;
            Directory.CreateDirectory(folder);
            File.CreateSymbolicLink(Path.Combine(folder, PeftAddon.WeightsFile), Path.Combine(Bolt, PeftAddon.WeightsFile));
            var config = JsonNode.Parse(File.ReadAllText(Path.Combine(Bolt, PeftAddon.ConfigFile)))!.AsObject();
            config["lora_alpha"] = 8 + (index / 100.0);
            File.WriteAllText(Path.Combine(folder, PeftAddon.ConfigFile), config.ToJsonString());
            return folder;
        }

        public void Dispose() => _root.Dispose();
    }
}
