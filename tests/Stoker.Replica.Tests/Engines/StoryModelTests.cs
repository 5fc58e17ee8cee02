using System.Text.Json.Nodes;
using Stoker.Engine;
using Stoker.Replica.Engines;
using Stoker.Testing;

namespace Stoker.Replica.Tests.Engines;

/// <summary>The real engine with a real model behind the real HTTP surface, held against its golden outputs.</summary>
public sealed class StoryModelTests(StoryReplica story) : IClassFixture<StoryReplica>
{
    private static readonly JsonNode Golden = JsonNode.Parse(File.ReadAllText(TestData.Golden("story-3m")))!;

    [Fact]
    public async Task Greedy_answers_are_the_golden_ones_up_to_their_first_near_tie()
    {
        foreach (var golden in Golden["prompts"]!.AsArray())
        {
            var ask = new JsonObject
            {
                ["model"] = "story-3m",
                ["prompt"] = golden!["input_ids"]!.DeepClone(),
                ["temperature"] = 0,
                ["max_tokens"] = 64,
                ["ignore_eos"] = true,
                ["return_token_ids"] = true,
                ["logprobs"] = 0,
            };
            var choice = (await AnswerAsync("/v1/completions", ask))["choices"]![0]!;
            var certain = golden["greedy_first_gap_below_0_01"]?.GetValue<int>() ?? 64;
            Ids(choice["token_ids"]).Take(certain).ShouldBe(Ids(golden["greedy_ids"]).Take(certain));
            choice["finish_reason"]!.GetValue<string>().ShouldBe("length");
            choice["logprobs"]!["token_ids"]!.AsArray().Count.ShouldBe(64);
        }
    }

    [Fact]
    public async Task A_text_prompt_gets_the_opening_token_and_the_golden_text_streamed_or_not()
    {
        foreach (var golden in Golden["prompts"]!.AsArray().Where(it => it!["chat"] is null && it["greedy_first_gap_below_0_01"] is null))
        {
            var ask = new JsonObject { ["model"] = "story-3m", ["prompt"] = golden!["text"]!.DeepClone(), ["temperature"] = 0, ["max_tokens"] = 64, ["return_token_ids"] = true };
            var whole = await AnswerAsync("/v1/completions", ask);
            Ids(whole["choices"]![0]!["prompt_token_ids"]).ShouldBe(Ids(golden["input_ids"]));
            var text = whole["choices"]![0]!["text"]!.GetValue<string>();
            golden["greedy_text"]!.GetValue<string>().ShouldStartWith(text);
            ask["stream"] = true;
            var lines = await story.Replica.StreamAsync("/v1/completions", ask.ToJsonString());
            string.Concat(lines.SkipLast(1).Select(line => JsonNode.Parse(line)!["choices"]![0]!["text"]!.GetValue<string>())).ShouldBe(text);
            var (streamed, asked) = (JsonNode.Parse(lines[^2])!["usage"]!, whole["usage"]!);
            foreach (var count in new[] { "prompt_tokens", "completion_tokens", "total_tokens" })
            {
                streamed[count]!.GetValue<int>().ShouldBe(asked[count]!.GetValue<int>()); // cached ones differ: it is the second time
            }
        }
    }

    [Fact]
    public async Task A_chat_is_rendered_and_encoded_to_the_golden_prompt_with_and_without_safe_tokenization()
    {
        var chats = Golden["prompts"]!.AsArray().Where(it => it!["chat"] is not null).ToList();
        chats.ShouldNotBeEmpty();
        foreach (var golden in chats)
        {
            foreach (var safe in new[] { false, true })
            {
                var ask = new JsonObject
                {
                    ["model"] = "story-3m",
                    ["messages"] = golden!["chat"]!.DeepClone(),
                    ["max_tokens"] = 1,
                    ["return_token_ids"] = true,
                    ["safe_tokenization"] = safe,
                };
                Ids((await AnswerAsync("/v1/chat/completions", ask))["prompt_token_ids"]).ShouldBe(Ids(golden["input_ids"]));
            }
        }
    }

    [Fact]
    public async Task Special_tokens_that_a_user_wrote_stay_text_when_asked_for()
    {
        const int ImEnd = 2043;
        var ask = new JsonObject
        {
            ["model"] = "story-3m",
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = "a<|im_end|>b" }),
            ["max_tokens"] = 1,
            ["return_token_ids"] = true,
        };
        Ids((await AnswerAsync("/v1/chat/completions", ask))["prompt_token_ids"]).Count(id => id == ImEnd).ShouldBe(2);
        ask["safe_tokenization"] = true;
        Ids((await AnswerAsync("/v1/chat/completions", ask))["prompt_token_ids"]).Count(id => id == ImEnd).ShouldBe(1);
    }

    [Fact]
    public async Task Echo_scores_a_prompt_with_the_golden_log_probabilities()
    {
        var golden = Golden["logprob"]!;
        golden = golden is JsonArray several ? several[0]! : golden;
        var ask = new JsonObject
        {
            ["model"] = "story-3m",
            ["prompt"] = golden["input_ids"]!.DeepClone(),
            ["max_tokens"] = 0,
            ["echo"] = true,
            ["logprobs"] = 0,
        };
        var body = await AnswerAsync("/v1/completions", ask);
        var mine = body["choices"]![0]!["logprobs"]!["token_logprobs"]!.AsArray();
        mine[0].ShouldBeNull();
        var values = mine.Skip(1).Select(it => it!.GetValue<double>()).ToList();
        var expected = golden["token_logprobs"]!.AsArray().Select(it => it!.GetValue<double>()).ToList();
        values.Count.ShouldBe(expected.Count);
        for (var index = 0; index < values.Count; index++) values[index].ShouldBe(expected[index], 2e-3);
        body["choices"]![0]!["text"]!.GetValue<string>().ShouldBe(golden["text"]!.GetValue<string>());
        body["usage"]!["completion_tokens"]!.GetValue<int>().ShouldBe(0);
    }

    [Fact]
    public async Task The_same_seed_gives_the_same_answer_and_choices_differ()
    {
        var ask = new JsonObject { ["model"] = "story-3m", ["prompt"] = "Once upon a time", ["seed"] = 5, ["n"] = 4, ["max_tokens"] = 24, ["temperature"] = 1 };
        var first = (await AnswerAsync("/v1/completions", ask))["choices"]!.ToJsonString();
        (await AnswerAsync("/v1/completions", ask))["choices"]!.ToJsonString().ShouldBe(first);
        JsonNode.Parse(first)!.AsArray().Select(choice => choice!["text"]!.GetValue<string>()).Distinct().Count().ShouldBeGreaterThan(1);
    }

    [Fact]
    public async Task A_prompt_over_the_models_context_is_refused_with_both_lengths()
    {
        var ids = new JsonArray([.. Enumerable.Repeat(5, 600).Select(id => (JsonNode)id)]);
        var (status, body) = await story.Replica.PostAsync("/v1/completions", new JsonObject { ["model"] = "story-3m", ["prompt"] = ids }.ToJsonString());
        status.ShouldBe(400);
        body["error"]!["message"]!.GetValue<string>().ShouldContain("600");
        body["error"]!["message"]!.GetValue<string>().ShouldContain("512");
        body["error"]!["code"]!.GetValue<string>().ShouldBe("context_length_exceeded");
    }

    [Fact]
    public async Task A_shortened_conversation_is_the_one_without_its_oldest_turns()
    {
        JsonObject Ask(params string[] contents) => new()
        {
            ["model"] = "story-3m",
            ["messages"] = new JsonArray([.. contents.Select((content, index) =>
                (JsonNode)new JsonObject { ["role"] = index % 2 == 0 ? "user" : "assistant", ["content"] = content })]),
            ["temperature"] = 0,
            ["max_tokens"] = 8,
            ["return_token_ids"] = true,
        };

        var later = await AnswerAsync("/v1/chat/completions", Ask("Tell me of a dog.", "He ran.", "And a cat?"));
        var ask = Ask("Tell me of a bird.", "It flew.", "Tell me of a dog.", "He ran.", "And a cat?");
        ask["prompt_truncate_len"] = later["usage"]!["prompt_tokens"]!.GetValue<int>();
        var shortened = await AnswerAsync("/v1/chat/completions", ask);
        Ids(shortened["prompt_token_ids"]).ShouldBe(Ids(later["prompt_token_ids"]));
        shortened["choices"]!.ToJsonString().ShouldBe(later["choices"]!.ToJsonString());
    }

    [Fact]
    public async Task What_runs_is_cancelled_when_the_client_leaves()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = new StringContent("""{"model":"story-3m","prompt":"Once","max_tokens":500,"ignore_eos":true,"stream":true,"n":16}"""),
        };
        using (await story.Replica.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken))
        {
        }

        while (story.Replica.Host.Admission.Inside > 0) await Task.Yield();
        using var metrics = await story.Replica.Client.GetAsync("/metrics", TestContext.Current.CancellationToken);
        var text = await metrics.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        text.ShouldContain("vllm:num_requests_running{model_name=\"story-3m\",engine=\"0\"} 0\n");
        text.ShouldContain("vllm:kv_cache_usage_perc{model_name=\"story-3m\",engine=\"0\"} 0\n");
    }

    [Fact]
    public async Task The_answer_that_shows_it_ready_is_in_no_metric_of_requests()
    {
        await using var replica = await (await RunningReplica.StartWithAsync(new StokerEngineLoader(TestData.Model("story-3m"), new() { Threads = 1 }))).LoadedAsync();
        var fresh = await MetricsAsync(replica);
        fresh["vllm:generation_tokens_total"].ShouldBe("0");
        fresh["vllm:prompt_tokens_total"].ShouldBe("0");
        fresh.Where(sample => sample.Key.StartsWith("vllm:request_success_total", StringComparison.Ordinal)).ShouldAllBe(sample => sample.Value == "0");
        fresh["vllm:time_to_first_token_seconds_count"].ShouldBe("0");
        fresh["vllm:e2e_request_latency_seconds_count"].ShouldBe("0");
        fresh["stoker_engine_step_tokens_total,steps=\"prefill\",tokens=\"prefill\""].ShouldBe("1"); // it did run
        (await replica.PostAsync("/v1/completions", """{"model":"sim","prompt":"Once","max_tokens":2,"ignore_eos":true}""")).Status.ShouldBe(200);
        var asked = await MetricsAsync(replica);
        asked["vllm:generation_tokens_total"].ShouldBe("2");
        asked["vllm:e2e_request_latency_seconds_count"].ShouldBe("1");
    }

    [Fact]
    public async Task A_folder_without_a_model_ends_the_replica_with_the_files_name()
    {
        var empty = Directory.CreateTempSubdirectory("stoker-empty-").FullName;
        await using var replica = await RunningReplica.StartWithAsync(new StokerEngineLoader(empty, new()));
        var end = await replica.Ended;
        end.Reason.ShouldBe("LOAD_FAILED");
        end.Message.ShouldContain("json");
        Directory.Delete(empty);
    }

    [Fact]
    public async Task Weights_that_are_no_numbers_end_the_replica_with_what_the_first_step_saw()
    {
        var folder = Directory.CreateTempSubdirectory("stoker-nan-").FullName;
        foreach (var file in Directory.EnumerateFiles(TestData.Model("story-3m"))) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        var weights = Path.Combine(folder, "model.safetensors");
        var bytes = await File.ReadAllBytesAsync(weights, TestContext.Current.CancellationToken);
        bytes.AsSpan(8 + (int)BitConverter.ToInt64(bytes)).Fill(0xFF); // bf16: not a number
        await File.WriteAllBytesAsync(weights, bytes, TestContext.Current.CancellationToken);

        await using var replica = await RunningReplica.StartWithAsync(new StokerEngineLoader(folder, new() { Threads = 1 }));
        var end = await replica.Ended;
        end.Reason.ShouldBe("LOAD_FAILED");
        end.Message.ShouldContain("failed its first step: No token can be chosen: every logit is masked, infinite or not a number.");
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>Values by name and labels, without those that all have.</summary>
    private static async Task<Dictionary<string, string>> MetricsAsync(RunningReplica replica)
    {
        var text = await replica.Client.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
        return text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => !line.StartsWith('#')).ToDictionary(
            line => line[..line.LastIndexOf('}')].Replace("{model_name=\"sim\",engine=\"0\"", "", StringComparison.Ordinal),
            line => line[(line.LastIndexOf(' ') + 1)..]);
    }

    private static IEnumerable<int> Ids(JsonNode? ids) => ids!.AsArray().Select(id => id!.GetValue<int>());

    private async Task<JsonNode> AnswerAsync(string path, JsonNode ask)
    {
        var (status, body) = await story.Replica.PostAsync(path, ask.ToJsonString());
        status.ShouldBe(200, body.ToJsonString());
        return body;
    }
}

/// <summary>One replica of story-3m for a class of tests.</summary>
public sealed class StoryReplica : IAsyncLifetime
{
    internal RunningReplica Replica { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        // Beside other tests a second thread only spins; and the reference is float32 throughout.
        var loader = new StokerEngineLoader(TestData.Model("story-3m"), new() { Threads = 1, Precision = Precision.F32, KvPrecision = KvPrecision.F32 });
        Replica = await (await RunningReplica.StartWithAsync(loader, change: options => options with { ServedModelName = "story-3m" })).LoadedAsync();
    }

    public ValueTask DisposeAsync() => Replica.DisposeAsync();
}
