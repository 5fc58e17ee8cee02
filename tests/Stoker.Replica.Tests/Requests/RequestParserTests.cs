using System.Text;
using Stoker.Replica.Requests;

namespace Stoker.Replica.Tests.Requests;

public sealed class RequestParserTests
{
    [Theory]
    [InlineData("tools", """[{"type":"function","function":{"name":"f"}}]""")]
    [InlineData("tool_choice", "\"auto\"")]
    [InlineData("parallel_tool_calls", "true")]
    [InlineData("functions", "[]")]
    [InlineData("function_call", "\"none\"")]
    [InlineData("response_format", """{"type":"json_object"}""")]
    [InlineData("response_format", """{"type":"json_schema","json_schema":{}}""")]
    [InlineData("response_format", """{"type":"text","type":"json_object"}""")]
    [InlineData("response_format", """{"type":"text","schema":{}}""")]
    [InlineData("response_format", "{}")]
    [InlineData("rewrite_speculation", "true")]
    [InlineData("mirostat_target", "3")]
    [InlineData("mirostat_lr", "0.1")]
    [InlineData("typical_p", "0.5")]
    [InlineData("images", "[]")]
    [InlineData("reasoning_effort", "\"low\"")]
    [InlineData("reasoning_history", "\"disabled\"")]
    [InlineData("thinking", """{"type":"disabled"}""")]
    [InlineData("custom_chat_template", "\"x\"")]
    [InlineData("prompt_cache_max_len", "0")]
    [InlineData("include_routing_matrix", "true")]
    [InlineData("store", "true")]
    public void A_parameter_that_does_not_work_is_refused_by_name(string name, string value)
    {
        var error = Refused(Chat($",\"{name}\":{value}"));
        error.Parameter.ShouldBe(name);
        error.Code.ShouldBe("unsupported_parameter");
        error.Message.ShouldContain($"'{name}' is not supported");
        Parse(Chat($",\"{name}\":null")).Messages.ShouldNotBeNull(); // null says nothing
    }

    [Fact]
    public void Every_refused_parameter_is_in_the_table_above()
    {
        var tested = typeof(RequestParserTests).GetMethod(nameof(A_parameter_that_does_not_work_is_refused_by_name))!
            .GetCustomAttributes(typeof(InlineDataAttribute), false).Cast<InlineDataAttribute>().Select(row => (string)row.Data[0]!).ToHashSet();
        RefusedParameters.Names.ShouldBeSubsetOf(tested);
    }

    [Theory]
    [InlineData("temperature", "-0.1")]
    [InlineData("temperature", "2.1")]
    [InlineData("temperature", "1e999")]
    [InlineData("temperature", "\"1\"")]
    [InlineData("top_p", "0")]
    [InlineData("top_p", "1.1")]
    [InlineData("min_p", "-1")]
    [InlineData("typical_p", "2")]
    [InlineData("top_k", "-1")]
    [InlineData("top_k", "101")]
    [InlineData("top_k", "1.5")]
    [InlineData("frequency_penalty", "2.5")]
    [InlineData("presence_penalty", "-2.5")]
    [InlineData("repetition_penalty", "0")]
    [InlineData("repetition_penalty", "3")]
    [InlineData("n", "0")]
    [InlineData("n", "129")]
    [InlineData("n", "99999999999999999999999999")]
    [InlineData("max_tokens", "-1")]
    [InlineData("max_tokens", "0")]
    [InlineData("max_tokens", "2147483648")]
    [InlineData("max_completion_tokens", "true")]
    [InlineData("min_tokens", "5000")]
    [InlineData("seed", "1e30")]
    [InlineData("seed", "\"x\"")]
    [InlineData("stop", "5")]
    [InlineData("stop", "\"\"")]
    [InlineData("stop", """["a","b","c","d","e"]""")]
    [InlineData("stop", "[null]", "stop[0]")]
    [InlineData("logprobs", "6")]
    [InlineData("logprobs", "\"yes\"")]
    [InlineData("top_logprobs", "6")]
    [InlineData("top_logprobs", "2")]
    [InlineData("echo", "1")]
    [InlineData("echo_last", "-1")]
    [InlineData("stream", "\"true\"")]
    [InlineData("stream_options", """{"include_usage":true}""")]
    [InlineData("stream_options", """{"other":true}""", "stream_options.other")]
    [InlineData("logit_bias", """{"a":1}""", "logit_bias.a")]
    [InlineData("logit_bias", """{"5":101}""", "logit_bias.5")]
    [InlineData("logit_bias", """{"5":1,"5":2}""", "logit_bias.5")]
    [InlineData("logit_bias", "[]")]
    [InlineData("context_length_exceeded_behavior", "\"cut\"")]
    [InlineData("prompt_truncate_len", "0")]
    [InlineData("prompt_truncate_len", "-1")]
    [InlineData("prompt_truncate_len", "1.5")]
    [InlineData("prompt_truncate_len", "2147483648")]
    [InlineData("prompt_truncate_len", "\"100\"")]
    [InlineData("service_tier", "\"priority\"")]
    [InlineData("metadata", """{"a":1}""", "metadata.a")]
    [InlineData("safe_tokenization", "0")]
    [InlineData("user", "7")]
    public void A_value_out_of_range_is_refused_by_name(string name, string value, string? parameter = null) =>
        Refused(Chat($",\"{name}\":{value}")).Parameter.ShouldBe(parameter ?? name);

    [Theory]
    [InlineData("xyz")]
    [InlineData("prompt")] // of the other endpoint
    [InlineData("best_of")]
    [InlineData("cache_salt")]
    public void An_unknown_field_is_refused_in_the_known_words(string name)
    {
        var error = Refused(Chat($",\"{name}\":1"));
        error.Message.ShouldBe($"Extra inputs are not permitted, field: '{name}'");
        error.Parameter.ShouldBe(name);
    }

    [Fact]
    public void An_isolation_key_is_text_of_bounded_length()
    {
        Parse(Chat(",\"prompt_cache_isolation_key\":\"k\"")).IsolationKey.ShouldBe("k");
        Parse(Chat(",\"prompt_cache_isolation_key\":null")).IsolationKey.ShouldBeNull();
        foreach (var bad in new[] { "\"\"", "7", $"\"{new string('k', 256)}\"" })
        {
            Refused(Chat($",\"prompt_cache_isolation_key\":{bad}")).Parameter.ShouldBe("prompt_cache_isolation_key");
        }
    }

    [Theory]
    [InlineData("""{"role":"user","content":"x","xyz":1}""", "messages[1].xyz", "Extra inputs are not permitted, field: 'messages[1].xyz'")]
    [InlineData("""{"role":"robot","content":"x"}""", "messages[1].role", null)]
    [InlineData("""{"content":"x"}""", "messages[1].role", null)]
    [InlineData("""{"role":"user"}""", "messages[1].content", null)]
    [InlineData("""{"role":"user","content":null}""", "messages[1].content", null)]
    [InlineData("""{"role":"user","content":5}""", "messages[1].content", null)]
    [InlineData("""{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}""", "messages[1].content[0].image_url", null)]
    [InlineData("""{"role":"user","content":[{"type":"text"}]}""", "messages[1].content[0].text", null)]
    [InlineData("""{"role":"user","content":[{"type":"text","text":"a","more":1}]}""", "messages[1].content[0].more", null)]
    [InlineData("""{"role":"user","content":["a"]}""", "messages[1].content[0]", null)]
    [InlineData("""{"role":"tool","content":"x","tool_call_id":"1"}""", "messages[1].role", null)]
    [InlineData("""{"role":"assistant","content":"x","tool_calls":[]}""", "messages[1].tool_calls", null)]
    [InlineData("""{"role":"user","content":"x","reasoning_content":"y"}""", "messages[1].reasoning_content", null)]
    [InlineData("""{"role":"user","role":"user","content":"x"}""", "messages[1].role", null)]
    [InlineData("""{"role":"user","content":"\ud800"}""", "messages[1].content", null)]
    [InlineData("5", "messages[1]", null)]
    public void A_bad_message_is_refused_by_its_place(string message, string parameter, string? text)
    {
        var error = Refused("""{"model":"m","messages":[{"role":"user","content":"a"},""" + message + "]}");
        error.Parameter.ShouldBe(parameter);
        if (text is not null) error.Message.ShouldBe(text);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("nonsense")]
    [InlineData("""{"model":"m"} {}""")]
    [InlineData("""{"model":"m","temperature":NaN}""")]
    [InlineData("""{'model':'m'}""")]
    [InlineData("""{"model":"m",}""")]
    [InlineData("""{"model":"m"/**/}""")]
    public void What_is_no_JSON_object_is_refused_without_quoting_it(string body)
    {
        var error = Refused(body);
        (error.Status, error.Code).ShouldBe((400, "invalid_json"));
        error.Message.ShouldNotContain("nonsense");
    }

    [Fact]
    public void Unknown_fields_are_passed_over_where_that_is_allowed_and_what_does_not_work_is_refused_all_the_same()
    {
        using var request = RequestParser.Parse("""{"model":"m","new":{"a":[1]},"prompt":"x","newer":1}"""u8, RequestKind.Text, relaxed: true);
        request.Model.ShouldBe("m");
        Should.Throw<ApiException>(() => RequestParser.Parse("""{"model":"m","prompt":"x","tools":[{}]}"""u8, RequestKind.Text, relaxed: true));
        Should.Throw<ApiException>(() => RequestParser.Parse("""{"model":"m","prompt":"x","new":1,"new":2}"""u8, RequestKind.Text, relaxed: true));
    }

    [Fact]
    public void Invalid_UTF8_deep_nesting_and_doubled_fields_are_refused()
    {
        byte[] body = [.. """{"model":"m","user":"ab"""u8, 0xC3, 0x28, .. "\"}"u8];
        Should.Throw<ApiException>(() => RequestParser.Parse(body, RequestKind.Chat)).Error.Code.ShouldBe("invalid_json");
        Refused("{\"model\":\"m\",\"metadata\":" + new string('[', 10_000)).Code.ShouldBe("invalid_value");
        Refused("{\"model\":\"m\",\"prompt\":" + new string('[', 10_000), RequestKind.Text).Status.ShouldBe(400);
        Refused("""{"model":"m","model":"n"}""").Code.ShouldBe("duplicate_parameter");
        // the same key in other letters
        Refused("""{"model":"m","\u006dodel":"n"}""").Code.ShouldBe("duplicate_parameter");
    }

    [Theory]
    [InlineData("""{"messages":[{"role":"user","content":"a"}]}""", "model")]
    [InlineData("""{"model":null,"messages":[{"role":"user","content":"a"}]}""", "model")]
    [InlineData("""{"model":"m"}""", "messages")]
    [InlineData("""{"model":"m","messages":[]}""", "messages")]
    [InlineData("""{"model":"m","messages":{}}""", "messages")]
    public void What_is_missing_is_named(string body, string parameter) => Refused(body).Parameter.ShouldBe(parameter);

    [Fact]
    public void Two_names_of_one_limit_and_two_kinds_of_echo_exclude_each_other()
    {
        Refused(Chat(",\"max_tokens\":5,\"max_completion_tokens\":5")).Parameter.ShouldBe("max_completion_tokens");
        Refused(Chat(",\"echo\":true,\"echo_last\":5")).Parameter.ShouldBe("echo_last");
        Refused(Chat(",\"logprobs\":2,\"top_logprobs\":2")).Parameter.ShouldBe("top_logprobs");
        Parse(Chat(",\"max_completion_tokens\":5")).MaxTokens.ShouldBe(5);
        Parse(Chat(",\"max_tokens\":0,\"echo\":true")).MaxTokens.ShouldBe(0);
    }

    [Theory]
    [InlineData("\"a\"", 1)]
    [InlineData("[\"a\",\"b\"]", 2)]
    [InlineData("[1,2,3]", 1)]
    [InlineData("[[1],[2,3]]", 2)]
    public void A_prompt_has_four_forms(string prompt, int count) =>
        Parse($$"""{"model":"m","prompt":{{prompt}}}""", RequestKind.Text).Prompts.Count.ShouldBe(count);

    [Theory]
    [InlineData("5", "prompt")]
    [InlineData("[]", "prompt")]
    [InlineData("[[]]", "prompt[0]")]
    [InlineData("[1,\"a\"]", "prompt[1]")]
    [InlineData("[\"a\",1]", "prompt[1]")]
    [InlineData("[[1],2]", "prompt[1]")]
    [InlineData("[-1]", "prompt[0]")]
    [InlineData("[1.5]", "prompt[0]")]
    [InlineData("[[1],[9999999999]]", "prompt[1][0]")]
    [InlineData("[null]", "prompt[0]")]
    [InlineData("{}", "prompt")]
    public void Any_other_prompt_is_refused_by_its_place(string prompt, string parameter) =>
        Refused($$"""{"model":"m","prompt":{{prompt}}}""", RequestKind.Text).Parameter.ShouldBe(parameter);

    [Fact]
    public void A_request_runs_at_most_128_choices_over_all_its_prompts()
    {
        var prompts = string.Join(',', Enumerable.Repeat("\"a\"", 65));
        Refused($$"""{"model":"m","prompt":[{{prompts}}],"n":2}""", RequestKind.Text).Parameter.ShouldBe("n");
        prompts = string.Join(',', Enumerable.Repeat("\"a\"", 129));
        Refused($$"""{"model":"m","prompt":[{{prompts}}]}""", RequestKind.Text).Parameter.ShouldBe("prompt");
    }

    [Fact]
    public void Harmless_fields_are_taken_and_text_parts_become_one_string()
    {
        var request = Parse("""
            {"model":"m","messages":[{"role":"user","name":"n","content":[{"type":"text","text":"a"},{"text":"b","type":"text"}]}],
             "user":"u","prompt_cache_key":"k","metadata":{"a":"b"},"service_tier":"auto","store":false,"typical_p":1,
             "response_format":{"type":"text"},"stream":true,"stream_options":{"include_usage":true}}
            """);
        request.Messages!.RootElement.GetRawText().ShouldBe("""[{"role":"user","content":"a\nb","name":"n"}]""");
        request.IncludeUsage.ShouldBeTrue();
    }

    [Fact]
    public void A_long_unknown_name_is_quoted_only_in_part() =>
        Refused(Chat($",\"{new string('x', 100_000)}\":1")).Message.Length.ShouldBeLessThan(200);

    [Fact]
    public void Ten_megabytes_of_prompt_are_read() =>
        Parse("{\"model\":\"m\",\"prompt\":\"" + new string('a', 10 << 20) + "\"}", RequestKind.Text).Prompts[0].Text!.Length.ShouldBe(10 << 20);

    private static string Chat(string more) =>
        """{"model":"m","messages":[{"role":"user","content":"a"}]""" + more + "}";

    private static InferenceRequest Parse(string body, RequestKind kind = RequestKind.Chat) =>
        RequestParser.Parse(Encoding.UTF8.GetBytes(body), kind);

    private static ApiError Refused(string body, RequestKind kind = RequestKind.Chat)
    {
        var error = Should.Throw<ApiException>(() => Parse(body, kind)).Error;
        error.Status.ShouldBe(400);
        return error;
    }
}
