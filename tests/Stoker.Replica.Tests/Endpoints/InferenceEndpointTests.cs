using System.Net;
using System.Text.Json.Nodes;

namespace Stoker.Replica.Tests.Endpoints;

public sealed class InferenceEndpointTests : IAsyncLifetime
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private const string Text = "/v1/completions";
    private const string Chat = "/v1/chat/completions";

    private RunningReplica _replica = null!;

    public async ValueTask InitializeAsync() => _replica = await (await RunningReplica.StartAsync()).LoadedAsync();

    public ValueTask DisposeAsync() => _replica.DisposeAsync();

    [Fact]
    public async Task A_completion_has_text_reason_and_exact_usage()
    {
        var body = await AnswerAsync(Text, """{"model":"sim","prompt":"Once upon","max_tokens":5}""");
        body["object"]!.GetValue<string>().ShouldBe("text_completion");
        body["model"]!.GetValue<string>().ShouldBe("sim");
        body["choices"]![0]!["finish_reason"]!.GetValue<string>().ShouldBe("length");
        body["choices"]![0]!["text"]!.GetValue<string>().Split(' ').Length.ShouldBe(6);
        body["usage"]!.ToJsonString().ShouldBe(
            """{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":0}}""");
    }

    [Fact]
    public async Task The_owner_may_let_unknown_fields_through()
    {
        const string Ask = """{"model":"sim","prompt":"Once","max_tokens":1,"brand_new":true}""";
        (await _replica.PostAsync(Text, Ask)).Status.ShouldBe(400);
        _replica.Client.DefaultRequestHeaders.Add(Stoker.Api.Replicas.ReplicaProtocol.RelaxedHeader, "1");
        (await _replica.PostAsync(Text, Ask)).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Prompts_are_shared_within_one_salt_and_key_only_and_usage_says_what_was_found()
    {
        await using var replica = await (await RunningReplica.StartAsync(RunningReplica.Fast with { PrefixCacheTokens = 10_000 })).LoadedAsync();
        (await CachedAsync(null, null)).ShouldBe(0);
        (await CachedAsync(null, null)).ShouldBe(32);
        (await CachedAsync("accounts/a d", null)).ShouldBe(0);
        (await CachedAsync("accounts/a d", null)).ShouldBe(32);
        (await CachedAsync("accounts/b d", null)).ShouldBe(0);
        (await CachedAsync("accounts/a d", "k")).ShouldBe(0);
        (await CachedAsync("accounts/a d", "k")).ShouldBe(32);
        (await CachedAsync("accounts/b d", "k")).ShouldBe(0);

        async Task<int> CachedAsync(string? salt, string? key)
        {
            var headers = replica.Client.DefaultRequestHeaders;
            headers.Remove(Stoker.Api.Replicas.ReplicaProtocol.CacheSaltHeader);
            if (salt is not null) headers.Add(Stoker.Api.Replicas.ReplicaProtocol.CacheSaltHeader, salt);
            var isolation = key is null ? "" : $",\"prompt_cache_isolation_key\":\"{key}\"";
            var (status, body) = await replica.PostAsync(Text, $$"""{"model":"sim","prompt":"{{new string('x', 40)}}","max_tokens":1{{isolation}}}""");
            status.ShouldBe(200);
            return body["usage"]!["prompt_tokens_details"]!["cached_tokens"]!.GetValue<int>();
        }
    }

    [Theory]
    [InlineData("\"seed\":3")]
    [InlineData("\"seed\":3,\"max_tokens\":7")]
    [InlineData("\"n\":3,\"max_tokens\":9")]
    [InlineData("\"stop\":[\"a \",\" then\"],\"n\":4")]
    [InlineData("\"echo\":true,\"max_tokens\":4")]
    [InlineData("\"echo_last\":6,\"max_tokens\":4,\"n\":2")]
    public async Task A_chat_stream_begins_with_the_role_ends_with_usage_and_the_end_mark_and_says_what_the_whole_answer_says(string more)
    {
        var ask = """{"model":"sim","messages":[{"role":"user","content":"Hello"}],""" + more;
        var whole = await AnswerAsync(Chat, ask + "}");
        var chunks = Chunks(await _replica.StreamAsync(Chat, ask + ",\"stream\":true}"));
        chunks.ShouldAllBe(chunk => chunk["object"]!.GetValue<string>() == "chat.completion.chunk");
        chunks.SkipLast(1).ShouldAllBe(chunk => chunk.AsObject().ContainsKey("usage") && chunk["usage"] == null);
        Same(chunks[^1]["usage"], whole["usage"]);
        foreach (var choice in whole["choices"]!.AsArray())
        {
            var mine = chunks.Select(chunk => chunk["choices"]![0]!).Where(it => it["index"]!.GetValue<int>() == choice!["index"]!.GetValue<int>()).ToList();
            mine[0]["delta"]!["role"]!.GetValue<string>().ShouldBe("assistant");
            mine.Skip(1).ShouldAllBe(it => it["delta"]!["role"] == null);
            string.Concat(mine.Select(it => it["delta"]!["content"]?.GetValue<string>())).ShouldBe(choice!["message"]!["content"]!.GetValue<string>());
            mine.SkipLast(1).ShouldAllBe(it => it["finish_reason"] == null);
            Same(mine[^1]["finish_reason"], choice["finish_reason"]);
        }
    }

    [Fact]
    public async Task A_text_stream_of_several_prompts_numbers_its_choices_through_and_adds_up_usage()
    {
        const string Ask = """{"model":"sim","prompt":["one","three"],"n":2,"max_tokens":5,"return_token_ids":true""";
        var whole = await AnswerAsync(Text, Ask + "}");
        var chunks = Chunks(await _replica.StreamAsync(Text, Ask + ",\"stream\":true}"));
        whole["choices"]!.AsArray().Count.ShouldBe(4);
        whole["usage"]!["prompt_tokens"]!.GetValue<int>().ShouldBe(3 + 5);
        whole["usage"]!["completion_tokens"]!.GetValue<int>().ShouldBe(4 * 5);
        Same(chunks[^1]["usage"], whole["usage"]);
        chunks.Count(chunk => chunk["usage"] is not null).ShouldBe(1);
        for (var index = 0; index < 4; index++)
        {
            var mine = chunks.Select(chunk => chunk["choices"]![0]!).Where(it => it["index"]!.GetValue<int>() == index).ToList();
            string.Concat(mine.Select(it => it["text"]!.GetValue<string>())).ShouldBe(whole["choices"]![index]!["text"]!.GetValue<string>());
            Same(mine[0]["prompt_token_ids"], whole["choices"]![index]!["prompt_token_ids"]);
            mine.SelectMany(it => it["token_ids"]!.AsArray()).Select(id => id!.GetValue<int>())
                .ShouldBe(whole["choices"]![index]!["token_ids"]!.AsArray().Select(id => id!.GetValue<int>()));
        }
    }

    [Fact]
    public async Task Usage_that_was_asked_for_the_other_way_comes_once_and_in_a_chunk_without_choices()
    {
        var chunks = Chunks(await _replica.StreamAsync(
            Chat, """{"model":"sim","messages":[{"role":"user","content":"Hi"}],"stream":true,"stream_options":{"include_usage":true}}"""));
        chunks[^1]["choices"]!.AsArray().ShouldBeEmpty();
        chunks[^1]["usage"]!["completion_tokens"]!.GetValue<int>().ShouldBe(24);
        chunks.SkipLast(1).ShouldAllBe(chunk => chunk["usage"] == null);
    }

    [Fact]
    public async Task Token_ids_of_a_chat_prompt_come_first_in_a_stream_and_beside_the_choices_in_a_whole_answer()
    {
        const string Ask = """{"model":"sim","messages":[{"role":"user","content":"Hi"}],"return_token_ids":true""";
        var whole = await AnswerAsync(Chat, Ask + "}");
        var chunks = Chunks(await _replica.StreamAsync(Chat, Ask + ",\"stream\":true}"));
        whole["prompt_token_ids"]!.AsArray().Count.ShouldBe(whole["usage"]!["prompt_tokens"]!.GetValue<int>());
        Same(chunks[0]["prompt_token_ids"], whole["prompt_token_ids"]);
        chunks.Skip(1).ShouldAllBe(chunk => chunk["prompt_token_ids"] == null);
        whole["choices"]![0]!["token_ids"]!.AsArray().Count.ShouldBe(24);
    }

    [Fact]
    public async Task Legacy_logprobs_are_parallel_arrays_and_an_echoed_prompts_first_token_has_none()
    {
        var body = await AnswerAsync(Text, """{"model":"sim","prompt":"Hé","max_tokens":3,"logprobs":2,"echo":true}""");
        var logprobs = body["choices"]![0]!["logprobs"]!;
        logprobs["tokens"]!.AsArray().Count.ShouldBe(3 + 3);
        logprobs["token_logprobs"]!.AsArray()[0].ShouldBeNull();
        logprobs["top_logprobs"]!.AsArray()[0].ShouldBeNull();
        logprobs["top_logprobs"]!.AsArray()[4]!.AsObject().Count.ShouldBe(2);
        logprobs["token_ids"]!.AsArray()[0]!.GetValue<int>().ShouldBe('H');
        // é is two bytes, one code point
        logprobs["text_offset"]!.AsArray().Take(4).Select(it => it!.GetValue<int>()).ShouldBe([0, 1, 2, 2]);
        body["choices"]![0]!["text"]!.GetValue<string>().ShouldStartWith("Hé ");
        body["usage"]!["completion_tokens"]!.GetValue<int>().ShouldBe(3);
    }

    [Fact]
    public async Task Logprobs_of_the_OpenAI_form_carry_bytes_ids_and_the_best_tokens()
    {
        var body = await AnswerAsync(
            Chat, """{"model":"sim","messages":[{"role":"user","content":"Hi"}],"max_tokens":2,"logprobs":true,"top_logprobs":3}""");
        var content = body["choices"]![0]!["logprobs"]!["content"]!.AsArray();
        content.Count.ShouldBe(2);
        content[0]!["top_logprobs"]!.AsArray().Count.ShouldBe(3);
        content[0]!["top_logprobs"]![0]!["token"]!.GetValue<string>().ShouldBe(content[0]!["token"]!.GetValue<string>());
        content[0]!["bytes"]!.AsArray().Count.ShouldBe(content[0]!["token"]!.GetValue<string>().Length);
        string.Concat(content.Select(it => it!["token"]!.GetValue<string>())).ShouldBe(body["choices"]![0]!["message"]!["content"]!.GetValue<string>());
    }

    [Fact]
    public async Task Raw_output_and_performance_figures_come_where_asked_for_and_the_headers_always()
    {
        using var content = new StringContent("""{"model":"sim","prompt":"Hi","max_tokens":3,"raw_output":true,"perf_metrics_in_response":true}""");
        using var response = await _replica.Client.PostAsync(Text, content, Stop);
        var body = JsonNode.Parse(await response.Content.ReadAsStringAsync(Stop))!;
        var raw = body["choices"]![0]!["raw_output"]!;
        raw["prompt_fragments"]![0]!.GetValue<string>().ShouldBe("Hi");
        raw["completion"]!.GetValue<string>().ShouldBe(body["choices"]![0]!["text"]!.GetValue<string>());
        raw["completion_token_ids"]!.AsArray().Count.ShouldBe(3);
        body["perf_metrics"]!["prompt-tokens"]!.GetValue<int>().ShouldBe(2);
        response.Headers.GetValues("fireworks-prompt-tokens").ShouldBe(["2"]);
        response.Headers.Contains("fireworks-server-processing-time").ShouldBeTrue();
        JsonNode.Parse(response.Headers.GetValues("fireworks-sampling-options").Single())!["temperature"]!.GetValue<double>().ShouldBe(1);
    }

    [Fact]
    public async Task A_stop_string_ends_the_answer_before_it()
    {
        var all =
            (await AnswerAsync(Text, """{"model":"sim","prompt":"Hi"}"""))["choices"]![0]!["text"]!.GetValue<string>();
        var stop = all.Split(' ')[5] + " " + all.Split(' ')[6][..1]; // over a token boundary
        var body = await AnswerAsync(Text, new JsonObject { ["model"] = "sim", ["prompt"] = "Hi", ["stop"] = stop }.ToJsonString());
        body["choices"]![0]!["text"]!.GetValue<string>().ShouldBe(all[..all.IndexOf(stop, StringComparison.Ordinal)]);
        body["choices"]![0]!["finish_reason"]!.GetValue<string>().ShouldBe("stop");
    }

    [Theory]
    [InlineData("""{"model":"other","prompt":"x"}""", 404, "model")]
    [InlineData("""{"model":"sim","prompt":[300]}""", 400, "prompt")]
    [InlineData("""{"model":"sim","prompt":""}""", 400, "prompt")]
    [InlineData("""{"model":"sim","prompt":"x","max_tokens":100000,"context_length_exceeded_behavior":"error"}""", 400, "max_tokens")]
    [InlineData("""{"model":"sim","prompt":"x","tools":[]}""", 400, "tools")]
    public async Task A_refused_request_gets_an_OpenAI_error_that_names_the_parameter(string ask, int status, string parameter)
    {
        var (got, body) = await _replica.PostAsync(Text, ask);
        got.ShouldBe(status);
        var error = body["error"]!;
        error["param"]!.GetValue<string>().ShouldBe(parameter);
        error["type"]!.GetValue<string>().ShouldBe("invalid_request_error");
        error["message"]!.GetValue<string>().ShouldNotBeEmpty();
        error["code"]!.GetValue<string>().ShouldNotBeEmpty();
    }

    [Fact]
    public async Task A_prompt_longer_than_the_context_is_refused_with_both_lengths_and_an_answer_is_shrunk_to_fit()
    {
        var (status, body) = await _replica.PostAsync(Text, $$"""{"model":"sim","prompt":"{{new string('x', 9000)}}"}""");
        status.ShouldBe(400);
        body["error"]!["code"]!.GetValue<string>().ShouldBe("context_length_exceeded");
        body["error"]!["message"]!.GetValue<string>().ShouldContain("9000");
        body["error"]!["message"]!.GetValue<string>().ShouldContain("8192");
        var fit = await AnswerAsync(Text, $$"""{"model":"sim","prompt":"{{new string('x', 8187)}}","max_tokens":4000,"ignore_eos":true}""");
        fit["usage"]!["completion_tokens"]!.GetValue<int>().ShouldBe(5);
    }

    [Theory]
    [InlineData("GET", "/v1/completions", 405)]
    [InlineData("POST", "/v1/models", 405)]
    [InlineData("GET", "/nothing", 404)]
    [InlineData("GET", "/v1/completions/", 404)]
    public async Task A_wrong_path_or_method_gets_an_OpenAI_error(string method, string path, int status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var response = await _replica.Client.SendAsync(request, Stop);
        ((int)response.StatusCode).ShouldBe(status);
        JsonNode.Parse(await response.Content.ReadAsStringAsync(Stop))!["error"]!["code"].ShouldNotBeNull();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_body_over_the_limit_gets_413_and_the_replica_goes_on(bool chunked)
    {
        using var content = new ByteArrayContent(new byte[18 << 20]);
        using var request = new HttpRequestMessage(HttpMethod.Post, Text) { Content = content };
        request.Headers.TransferEncodingChunked = chunked;
        using var response = await _replica.Client.SendAsync(request, Stop);
        response.StatusCode.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        (await AnswerAsync(Text, """{"model":"sim","prompt":"x"}"""))["usage"].ShouldNotBeNull();
    }

    [Fact]
    public async Task A_compressed_body_gets_415()
    {
        using var content = new ByteArrayContent([1, 2, 3]);
        content.Headers.ContentEncoding.Add("gzip");
        using var response = await _replica.Client.PostAsync(Text, content, Stop);
        response.StatusCode.ShouldBe(HttpStatusCode.UnsupportedMediaType);
    }

    [Fact]
    public async Task The_model_list_has_the_served_name_and_the_context_length()
    {
        var body = JsonNode.Parse(await _replica.Client.GetStringAsync("/v1/models", Stop))!;
        body["data"]![0]!["id"]!.GetValue<string>().ShouldBe("sim");
        body["data"]![0]!["context_length"]!.GetValue<int>().ShouldBe(8192);
    }

    [Theory]
    [InlineData("req-1_A", "cmpl-req-1_A")]
    [InlineData("bad id", null)]
    public async Task The_gateways_request_id_is_repeated_if_it_is_one(string given, string? expected)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Text) { Content = new StringContent("""{"model":"sim","prompt":"x"}""") };
        request.Headers.TryAddWithoutValidation("x-stoker-request-id", given);
        using var response = await _replica.Client.SendAsync(request, Stop);
        var id = JsonNode.Parse(await response.Content.ReadAsStringAsync(Stop))!["id"]!.GetValue<string>();
        if (expected is not null) id.ShouldBe(expected);
        else id.ShouldNotContain(given);
    }

    private static List<JsonNode> Chunks(List<string> lines)
    {
        lines[^1].ShouldBe("[DONE]");
        return [.. lines.SkipLast(1).Select(line => JsonNode.Parse(line)!)];
    }

    private static void Same(JsonNode? one, JsonNode? other)
    {
        one.ShouldNotBeNull();
        one.ToJsonString().ShouldBe(other!.ToJsonString());
    }

    private async Task<JsonNode> AnswerAsync(string path, string ask)
    {
        var (status, body) = await _replica.PostAsync(path, ask);
        status.ShouldBe(200, body.ToJsonString());
        return body;
    }
}
