using System.Text.Json;
using System.Text.Json.Nodes;
using Stoker.Engine;
using Stoker.Replica.Engines;
using Stoker.Replica.Simulated;
using Stoker.Testing;

namespace Stoker.Replica.Tests.Endpoints;

/// <summary>The real engine behind the real HTTP surface: addons from the start and while it runs, asked for by the model field.</summary>
public sealed class AddonEndpointsTests
{
    private const string Load = "/v1/load_lora_adapter";
    private const string Unload = "/v1/unload_lora_adapter";

    private static readonly string Zog = TestData.Model("story-3m-lora-zog");
    private static readonly string Bolt = TestData.Model("story-3m-lora-bolt");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_request_names_an_addon_by_the_model_field_and_gets_its_golden_answer()
    {
        await using var replica = await StartAsync();
        var golden = JsonNode.Parse(await File.ReadAllTextAsync(TestData.Golden("story-3m-lora-zog"), Stop))!["prompts"]!.AsArray()
            .First(prompt => prompt!["greedy_first_gap_below_0_01"] is null && prompt["chat"] is null)!;
        JsonObject Ask(string model) => new()
        {
            ["model"] = model,
            ["prompt"] = golden["input_ids"]!.DeepClone(),
            ["temperature"] = 0,
            ["max_tokens"] = 40,
            ["ignore_eos"] = true,
            ["return_token_ids"] = true,
        };

        var (status, body) = await replica.PostAsync("/v1/completions", Ask("acme/zog").ToJsonString());
        status.ShouldBe(200);
        body["model"]!.GetValue<string>().ShouldBe("acme/zog");
        Ids(body).ShouldBe(golden["greedy_ids"]!.AsArray().Select(id => id!.GetValue<int>()).Take(40));
        Ids((await replica.PostAsync("/v1/completions", Ask("sim").ToJsonString())).Body).ShouldNotBe(Ids(body));

        var (missing, error) = await replica.PostAsync("/v1/completions", Ask("acme/bolt").ToJsonString());
        (missing, Code(error)).ShouldBe((404, "model_not_found"));
        error["error"]!["message"]!.GetValue<string>().ShouldContain("and 1 addons");
    }

    [Fact]
    public async Task An_addon_is_loaded_listed_and_unloaded_while_the_replica_runs()
    {
        await using var replica = await StartAsync();
        var (status, body) = await replica.PostAsync(Load, Body("bolt", Bolt));
        status.ShouldBe(200);
        var addon = body["addons"]!.AsArray().Single()!;
        (addon["name"]!.GetValue<string>(), addon["rank"]!.GetValue<int>(), addon["loaded"]!.GetValue<bool>()).ShouldBe(("bolt", 4, true));
        addon["digest"]!.GetValue<string>().Length.ShouldBe(64);
        (await replica.PostAsync(Load, Body("bolt", Bolt))).Status.ShouldBe(200); // again is no error
        (await replica.PostAsync("/v1/completions", """{"model":"bolt","prompt":"Once","max_tokens":3}""")).Status.ShouldBe(200);

        var models = JsonNode.Parse(await replica.Client.GetStringAsync("/v1/models", Stop))!["data"]!.AsArray();
        models.Select(model => model!["id"]!.GetValue<string>()).ShouldBe(["sim", "acme/zog", "bolt"]);
        models.Select(model => model!["parent"]?.GetValue<string>()).ShouldBe([null, "sim", "sim"]);
        var listed = JsonNode.Parse(await replica.Client.GetStringAsync("/stoker/v1/addons", Stop))!["addons"]!.AsArray();
        listed.Select(it => it!["name"]!.GetValue<string>()).ShouldBe(["acme/zog", "bolt"]);

        var metrics = await replica.Client.GetStringAsync("/metrics", Stop);
        metrics.ShouldContain("vllm:lora_requests_info{model_name=\"sim\",engine=\"0\",max_lora=\"2\",running_lora_adapters=\"\",waiting_lora_adapters=\"\"}");
        metrics.ShouldContain("stoker_engine_addons_loaded{model_name=\"sim\",engine=\"0\"} 2\n");

        (await replica.PostAsync(Unload, """{"lora_name":"bolt"}""")).Status.ShouldBe(200);
        (await replica.PostAsync("/v1/completions", """{"model":"bolt","prompt":"Once","max_tokens":3}""")).Status.ShouldBe(404);
        var (gone, error) = await replica.PostAsync(Unload, """{"lora_name":"bolt"}""");
        (gone, Code(error)).ShouldBe((404, "addon_not_found"));
    }

    [Fact]
    public async Task A_name_keeps_its_contents_unless_others_are_to_replace_them()
    {
        await using var replica = await StartAsync();
        var (status, error) = await replica.PostAsync(Load, Body("acme/zog", Bolt));
        (status, Code(error)).ShouldBe((409, "addon_exists"));
        (await replica.PostAsync(Load, Body("acme/zog", Bolt, inPlace: true))).Body["addons"]![0]!["rank"]!.GetValue<int>().ShouldBe(4);
        (await replica.PostAsync(Load, Body("another name", Bolt))).Status.ShouldBe(200);
        (await replica.PostAsync(Unload, """{"lora_name":"acme/zog"}""")).Status.ShouldBe(200);
        (await replica.PostAsync("/v1/completions", """{"model":"another name","prompt":"Once","max_tokens":3}""")).Status.ShouldBe(200); // the same addon
        (await replica.Client.GetStringAsync("/metrics", Stop)).ShouldContain("stoker_engine_addons_registered{model_name=\"sim\",engine=\"0\"} 1\n");
    }

    [Theory]
    [InlineData("""{"lora_path":"/x"}""", "lora_name", "invalid_value")]
    [InlineData("""{"lora_name":"a"}""", "lora_path", "invalid_value")]
    [InlineData("""{"lora_name":"a","lora_path":"/no/such/folder"}""", "lora_path", "addon_load_failed")]
    [InlineData("""{"lora_name":"sim","lora_path":"/x"}""", "lora_name", "invalid_value")]
    [InlineData("""{"lora_name":"a\nb","lora_path":"/x"}""", "lora_name", "invalid_value")]
    [InlineData("""{"lora_name":"","lora_path":"/x"}""", "lora_name", "invalid_value")]
    [InlineData("""{"lora_name":"a","lora_name":"b","lora_path":"/x"}""", "lora_name", "duplicate_parameter")]
    [InlineData("""{"lora_name":"a","lora_path":"/x","is_3d_lora_weight":true}""", "is_3d_lora_weight", "unknown_parameter")]
    [InlineData("""{"lora_name":"a","lora_path":3}""", "lora_path", "invalid_value")]
    [InlineData("""["a"]""", "body", "invalid_value")]
    [InlineData("""{"lora_name":"a",""", null, "invalid_json")]
    public async Task What_cannot_be_loaded_is_refused_with_its_field(string body, string? field, string code)
    {
        await using var replica = await StartAsync();
        var (status, error) = await replica.PostAsync(Load, body);
        (status, error["error"]!["param"]?.GetValue<string>(), Code(error)).ShouldBe((400, field, code));
        (await replica.PostAsync("/v1/completions", """{"model":"acme/zog","prompt":"Once","max_tokens":3}""")).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Of_two_hundred_addons_in_a_pool_of_two_any_answers_as_alone_and_a_broken_one_disturbs_nobody()
    {
        const int Count = 200, Broken = 77;
        using var folders = new ScaledAddons(Bolt);
        folders.Cut(Broken);
        await using var replica = await StartAsync();
        const string plain = """{"model":"sim","prompt":"Once upon a time","max_tokens":60,"temperature":0,"ignore_eos":true}""";
        var alone = Text((await replica.PostAsync("/v1/completions", plain)).Body);
        var loading = LoadAllAsync();
        do Text((await replica.PostAsync("/v1/completions", plain)).Body).ShouldBe(alone); // all the while
        while (!loading.IsCompleted);
        (await loading).ShouldBe([Broken]);

        var random = new Random(11);
        var asked = Enumerable.Range(0, 20).Select(_ => random.Next(Count)).Where(index => index != Broken).Append(Count - 1).Append(0).ToList();
        var answers = await Task.WhenAll(asked.Select(async index => Text((await replica.PostAsync("/v1/completions", Ask($"a{index}"))).Body)));
        answers.Distinct().Count().ShouldBeGreaterThan(asked.Distinct().Count() / 2); // they differ
        for (var turn = 0; turn < asked.Count; turn++)
        {
            await using var own = await StartAsync(new() { MaxLoaded = 1 }, [("a", folders.Folder(asked[turn]))]);
            answers[turn].ShouldBe(Text((await own.PostAsync("/v1/completions", Ask("a"))).Body), $"addon {asked[turn]}");
        }

        (await replica.PostAsync("/v1/completions", Ask($"a{Broken}"))).Status.ShouldBe(404);

        async Task<List<int>> LoadAllAsync()
        {
            var refused = new List<int>();
            for (var index = 0; index < Count; index++)
            {
                var (status, body) = await replica.PostAsync(Load, Body($"a{index}", folders.Folder(index)));
                if (status != 200) refused.Add(index);
                if (status != 200) body["error"]!["message"]!.GetValue<string>().ShouldContain("adapter_model.safetensors");
            }

            return refused;
        }
    }

    [Fact]
    public async Task An_addon_for_another_base_is_refused_with_the_module()
    {
        await using var replica = await (await RunningReplica.StartWithAsync(
            new StokerEngineLoader(TestData.Model("story-draft-400k"), new() { Threads = 1, Addons = new() }, "sim"))).LoadedAsync();
        var (status, error) = await replica.PostAsync(Load, Body("zog", Zog));
        (status, Code(error)).ShouldBe((400, "addon_load_failed"));
        error["error"]!["message"]!.GetValue<string>().ShouldContain("model.layers.");
    }

    [Fact]
    public async Task Without_the_switch_addons_are_refused_and_a_pool_that_is_too_small_names_its_flag()
    {
        await using (var without = await (await RunningReplica.StartAsync()).LoadedAsync())
        {
            var (status, error) = await without.PostAsync(Load, Body("zog", Zog));
            (status, Code(error)).ShouldBe((400, "addons_disabled"));
        }

        await using var small = await StartAsync(new() { PoolBytes = 1000 }, []);
        var (refused, body) = await small.PostAsync(Load, Body("zog", Zog));
        refused.ShouldBe(400);
        body["error"]!["message"]!.GetValue<string>().ShouldContain("--addon-memory-bytes");
    }

    [Fact]
    public async Task A_replica_whose_own_addon_cannot_be_loaded_does_not_get_ready_and_says_which()
    {
        await using var replica = await RunningReplica.StartWithAsync(
            new StokerEngineLoader(TestData.Model("story-3m"), new() { Threads = 1, Addons = new() }, "sim", [("zog", Zog), ("cut", TestData.Model("story-3m"))]));
        var end = await replica.Ended;
        end.Reason.ShouldBe("LOAD_FAILED");
        end.Message.ShouldContain("the addon 'cut' cannot be loaded: adapter_config.json");
    }

    [Fact]
    public async Task A_simulated_replica_takes_addons_too_and_answers_with_other_words()
    {
        await using var replica = await (await RunningReplica.StartAsync(RunningReplica.Fast with { TakesAddons = true })).LoadedAsync();
        (await replica.PostAsync(Load, Body("zog", Zog))).Status.ShouldBe(200);
        (await replica.PostAsync(Load, Body("bolt", TestData.Model("story-3m")))).Status.ShouldBe(400);
        (await replica.PostAsync(Load, Body("bolt", Bolt))).Body["addons"]![0]!["rank"]!.GetValue<int>().ShouldBe(4);
        var texts = new List<string>();
        foreach (var model in new[] { "sim", "zog", "bolt", "zog" })
        {
            var (status, body) = await replica.PostAsync("/v1/completions", new JsonObject { ["model"] = model, ["prompt"] = "Once", ["max_tokens"] = 12 }.ToJsonString());
            status.ShouldBe(200);
            texts.Add(body["choices"]![0]!["text"]!.GetValue<string>());
        }

        texts.Distinct().Count().ShouldBe(3);
        texts[3].ShouldBe(texts[1]);
        (await replica.PostAsync(Unload, """{"lora_name":"zog"}""")).Status.ShouldBe(200);
        (await replica.PostAsync("/v1/completions", """{"model":"zog","prompt":"Once"}""")).Status.ShouldBe(404);
    }

    [Fact]
    public async Task A_name_that_goes_while_its_request_is_tokenised_is_not_found()
    {
        await using var replica = await MeanwhileAsync(names => names.UnloadAsync("acme/zog", Stop));
        var (status, error) = await replica.PostAsync("/v1/completions", """{"model":"acme/zog","prompt":"Once","max_tokens":3}""");
        (status, Code(error), error["error"]!["param"]!.GetValue<string>()).ShouldBe((404, "model_not_found", "model"));
    }

    [Fact]
    public async Task A_name_that_gets_other_contents_while_its_request_is_tokenised_answers_with_those()
    {
        await using var replica = await MeanwhileAsync(names => names.LoadAsync("acme/zog", Bolt, replace: true, Stop));
        (await replica.PostAsync("/v1/completions", """{"model":"acme/zog","prompt":"Once","max_tokens":3}""")).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Names_have_a_limit_that_the_error_tells_and_names_that_are_there_stay_loadable()
    {
        using var names = new AddonNames(new SimulatedAddons(), "sim", TimeProvider.System, mostNames: 2);
        await names.LoadAsync("a", Zog, replace: false, Stop);
        await names.LoadAsync("b", Zog, replace: false, Stop);
        (await Should.ThrowAsync<InvalidOperationException>(() => names.LoadAsync("c", Bolt, replace: false, Stop))).Message.ShouldStartWith("2 names of addons are loaded");
        await names.LoadAsync("b", Bolt, replace: true, Stop);
        (await names.UnloadAsync("a", Stop)).ShouldBeTrue();
        await names.LoadAsync("c", Bolt, replace: false, Stop);
        names.Count.ShouldBe(2);
    }

    private static async Task<RunningReplica> MeanwhileAsync(Func<AddonNames, Task> meanwhile) =>
        await (await RunningReplica.StartWithAsync(new MeanwhileLoader(
            new StokerEngineLoader(TestData.Model("story-3m"), new() { Threads = 1, Addons = new() { MaxLoaded = 2 } }, "sim", [("acme/zog", Zog)]), meanwhile))).LoadedAsync();

    private static async Task<RunningReplica> StartAsync(AddonOptions? addons = null, IReadOnlyList<(string, string)>? named = null) =>
        await (await RunningReplica.StartWithAsync(new StokerEngineLoader(
            TestData.Model("story-3m"), new() { Threads = 1, Addons = addons ?? new() { MaxLoaded = 2 } }, "sim", named ?? [("acme/zog", Zog)]))).LoadedAsync();

    private static string Body(string name, string folder, bool inPlace = false) =>
        new JsonObject { ["lora_name"] = name, ["lora_path"] = folder, ["load_inplace"] = inPlace }.ToJsonString();

    private static string Ask(string model) => $$"""{"model":"{{model}}","prompt":"Once upon a time","max_tokens":24,"temperature":0,"ignore_eos":true,"logprobs":1}""";

    /// <summary>What was answered, and how sure of each token it was: two addons that are alike answer alike, and not as surely.</summary>
    private static string Text(JsonNode body) => body["choices"]![0]!["text"]!.GetValue<string>() + body["choices"]![0]!["logprobs"]?["token_logprobs"]?.ToJsonString();

    private static string Code(JsonNode body) => body["error"]!["code"]!.GetValue<string>();

    /// <summary>Something happens while the first text is tokenised.</summary>
    private sealed class MeanwhileLoader(IEngineLoader inner, Func<AddonNames, Task> meanwhile) : IEngineLoader
    {
        public async Task<IReplicaEngine> LoadAsync(Action<double> progress, CancellationToken cancellation) =>
            new MeanwhileEngine(await inner.LoadAsync(progress, cancellation), meanwhile);
    }

    private sealed class MeanwhileEngine(IReplicaEngine inner, Func<AddonNames, Task> meanwhile) : IReplicaEngine
    {
        private int _encoded;

        public int ContextLength => inner.ContextLength;

        public int MaxSequences => inner.MaxSequences;

        public int VocabularySize => inner.VocabularySize;

        public bool SupportsChat => inner.SupportsChat;

        public SamplingOptions DefaultSampling => inner.DefaultSampling;

        public EngineStatistics Statistics => inner.Statistics;

        public AddonNames? Addons => inner.Addons;

        public int[] EncodeText(string text)
        {
            if (_encoded++ == 0) Task.Run(() => meanwhile(inner.Addons!)).GetAwaiter().GetResult();
            return inner.EncodeText(text);
        }

        public int[] EncodeChat(JsonElement messages, bool safeTokenization) => inner.EncodeChat(messages, safeTokenization);

        public string Decode(ReadOnlySpan<int> tokens) => inner.Decode(tokens);

        public IReplicaGeneration Submit(GenerationRequest request) => inner.Submit(request);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    private static List<int> Ids(JsonNode body) => [.. body["choices"]![0]!["token_ids"]!.AsArray().Select(id => id!.GetValue<int>())];
}
