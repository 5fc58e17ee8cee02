using System.Globalization;
using System.Text.Json.Nodes;
using Stoker.Engine;
using Stoker.Replica.Engines;
using Stoker.Testing;

namespace Stoker.Replica.Tests.Engines;

/// <summary>Speculation behind the HTTP surface, on the real models: the same answers, and figures of what it did.</summary>
public sealed class SpeculationTests : IAsyncLifetime
{
    private const string Text = "/v1/completions";
    private RunningReplica _plain = null!, _drafting = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var options = new EngineOptions { Threads = 1, MaxSequences = 4 };
        _plain = await StartAsync(options);
        _drafting = await StartAsync(options with { Speculation = new() { DraftFolder = TestData.Model("story-draft-400k"), Adaptive = false } });
    }

    public async ValueTask DisposeAsync()
    {
        await _plain.DisposeAsync();
        await _drafting.DisposeAsync();
    }

    [Fact]
    public async Task A_draft_model_changes_no_answer_and_shows_in_headers_body_and_metrics()
    {
        const string Ask = """{"model":"sim","prompt":"Once upon a time","max_tokens":60,"ignore_eos":true,"temperature":0.7,"seed":5,"perf_metrics_in_response":true}""";
        var (plain, _) = await AskAsync(_plain, Ask);
        var (body, headers) = await AskAsync(_drafting, Ask);
        body["choices"]!.ToJsonString().ShouldBe(plain["choices"]!.ToJsonString());
        var perf = body["perf_metrics"]!;
        var drafted = perf["speculation-generated-tokens"]!.GetValue<int>();
        drafted.ShouldBeGreaterThan(20);
        var rates = perf["speculation-acceptance"]!.AsArray().Select(rate => rate!.GetValue<double>()).ToList();
        rates.Count.ShouldBe(4);
        rates.ShouldAllBe(rate => rate >= 0 && rate <= 1);
        headers["fireworks-speculation-generated-tokens"].ShouldBe($"{drafted}");
        headers["fireworks-speculation-acceptance"].ShouldBe(string.Join(',', rates.Select(rate => rate.ToString(CultureInfo.InvariantCulture))));
        plain["perf_metrics"]!["speculation-generated-tokens"].ShouldBeNull();
        perf["speculation-prompt-tokens"].ShouldBeNull();

        var metrics = await MetricsAsync(_drafting);
        metrics["vllm:spec_decode_num_draft_tokens_total"].ShouldBe(drafted);
        var accepted = metrics["vllm:spec_decode_num_accepted_tokens_total"];
        accepted.ShouldBeInRange(1, drafted);
        Enumerable.Range(0, 4).Sum(position => metrics[$"vllm:spec_decode_num_accepted_tokens_per_pos_total,position=\"{position}\""]).ShouldBe(accepted);
        metrics["vllm:spec_decode_num_drafts_total"].ShouldBeGreaterThanOrEqualTo(drafted / 4.0);
        metrics["stoker_engine_drafter_faults_total"].ShouldBe(0);
    }

    [Fact]
    public async Task A_prediction_as_text_or_ids_is_found_in_the_answer_token_by_token()
    {
        var ask = JsonNode.Parse("""{"model":"sim","prompt":"Once upon a time","max_tokens":60,"temperature":0,"return_token_ids":true,"perf_metrics_in_response":true}""")!;
        var (plain, _) = await AskAsync(_plain, ask.ToJsonString());
        var choice = plain["choices"]![0]!;
        var ids = choice["token_ids"]!.AsArray().Count;
        foreach (var (name, value) in new (string, JsonNode)[]
        {
            ("prediction", choice["text"]!),
            ("prediction", new JsonObject { ["type"] = "content", ["content"] = choice["text"]!.DeepClone() }),
            ("speculation", choice["token_ids"]!),
        })
        {
            var predicting = ask.DeepClone();
            predicting[name] = value.DeepClone();
            var (body, _) = await AskAsync(_plain, predicting.ToJsonString());
            body["choices"]!.ToJsonString().ShouldBe(plain["choices"]!.ToJsonString());
            var perf = body["perf_metrics"]!;
            perf["speculation-prompt-tokens"]!.GetValue<int>().ShouldBe(ids);
            perf["speculation-prompt-matched-tokens"]!.GetValue<int>().ShouldBe(ids);
        }
    }

    [Fact]
    public async Task A_prediction_of_a_chat_is_cut_as_the_answer_is()
    {
        var ask = JsonNode.Parse("""{"model":"sim","messages":[{"role":"user","content":"Tell me a story about Lily."}],"max_tokens":40,"temperature":0,"return_token_ids":true,"perf_metrics_in_response":true}""")!;
        var (plain, _) = await AskAsync(_plain, ask.ToJsonString(), "/v1/chat/completions");
        var choice = plain["choices"]![0]!;
        ask["prediction"] = choice["message"]!["content"]!.DeepClone();
        var (body, _) = await AskAsync(_plain, ask.ToJsonString(), "/v1/chat/completions");
        body["choices"]!.ToJsonString().ShouldBe(plain["choices"]!.ToJsonString());
        var perf = body["perf_metrics"]!;
        perf["speculation-prompt-matched-tokens"]!.GetValue<int>().ShouldBe(perf["speculation-prompt-tokens"]!.GetValue<int>());
        perf["speculation-prompt-tokens"]!.GetValue<int>().ShouldBeGreaterThan(20);
    }

    [Fact]
    public async Task Speculation_is_left_out_where_that_is_asked_for()
    {
        var (body, headers) = await AskAsync(
            _drafting, """{"model":"sim","prompt":"Once upon a time","max_tokens":30,"ignore_eos":true,"disable_speculation":true,"perf_metrics_in_response":true}""");
        body["perf_metrics"]!["speculation-generated-tokens"].ShouldBeNull();
        headers.Keys.ShouldNotContain("fireworks-speculation-acceptance");
    }

    [Fact]
    public async Task With_speculation_left_out_an_answer_is_the_same_byte_by_byte_and_counts_the_same_tokens()
    {
        const string Ask = """{"model":"sim","prompt":"Once upon a time","max_tokens":50,"ignore_eos":true,"temperature":0.9,"seed":3,"logprobs":2""";
        var (with, _) = await AskAsync(_drafting, Ask + "}");
        var (without, _) = await AskAsync(_drafting, Ask + ""","disable_speculation":true,"prediction":" and then"}""");
        var (never, _) = await AskAsync(_plain, Ask + "}");
        foreach (var body in new[] { with, without })
        {
            body["choices"]!.ToJsonString().ShouldBe(never["choices"]!.ToJsonString());
            foreach (var count in new[] { "prompt_tokens", "completion_tokens", "total_tokens" })
            {
                body["usage"]![count]!.GetValue<int>().ShouldBe(never["usage"]![count]!.GetValue<int>());
            }
        }
    }

    [Theory]
    [InlineData("prediction", "\"One day a dog and a cat went to the park.\"", 3, "allow an answer of 3. Shorten the prediction, or raise max_tokens")]
    [InlineData("speculation", "[1,2,3,4]", 3, "allow an answer of 3. Shorten the prediction, or raise max_tokens")]
    [InlineData("speculation", "[1,2048]", 3, "ids of this model are 0 to 2047")]
    [InlineData("speculation", "\"TOO LONG\"", 100_000, "the context length of 512 allow an answer of 510. Shorten the prediction")]
    public async Task A_prediction_that_no_answer_can_be_is_refused_by_the_name_it_was_sent_by(string field, string value, int maxTokens, string cause)
    {
        value = value.Replace("TOO LONG", string.Concat(Enumerable.Repeat(" word", 600)), StringComparison.Ordinal);
        var (status, body) = await _plain.PostAsync(Text, $$"""{"model":"sim","prompt":"Once","max_tokens":{{maxTokens}},"{{field}}":{{value}}}""");
        status.ShouldBe(400);
        body["error"]!["param"]!.GetValue<string>().ShouldBe(field);
        body["error"]!["message"]!.GetValue<string>().ShouldContain(cause);
    }

    private static async Task<RunningReplica> StartAsync(EngineOptions options) =>
        await (await RunningReplica.StartWithAsync(new StokerEngineLoader(TestData.Model("story-3m"), options))).LoadedAsync();

    private static async Task<(JsonNode Body, Dictionary<string, string> Headers)> AskAsync(RunningReplica replica, string ask, string path = Text)
    {
        using var content = new StringContent(ask);
        using var response = await replica.Client.PostAsync(path, content, Stop);
        var text = await response.Content.ReadAsStringAsync(Stop);
        ((int)response.StatusCode).ShouldBe(200, text);
        return (JsonNode.Parse(text)!, response.Headers.ToDictionary(header => header.Key, header => header.Value.Single()));
    }

    private static async Task<Dictionary<string, double>> MetricsAsync(RunningReplica replica)
    {
        const string Labels = "{model_name=\"sim\",engine=\"0\"";
        var text = await replica.Client.GetStringAsync("/metrics", Stop);
        return text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => !line.StartsWith('#'))
            .Select(line => line.Replace(Labels, "", StringComparison.Ordinal).Split("} "))
            .ToDictionary(parts => parts[0], parts => double.Parse(parts[1], CultureInfo.InvariantCulture));
    }
}
