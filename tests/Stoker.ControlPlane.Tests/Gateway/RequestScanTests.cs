using System.Text;
using Stoker.ControlPlane.Gateway;

namespace Stoker.ControlPlane.Tests.Gateway;

public class RequestScanTests
{
    private static readonly GatewayOptions Strict = new();
    private static readonly GatewayOptions Relaxed = new() { RelaxUnknownFields = true };

    [Theory]
    [InlineData("""{"model":"a/b"}""", "a/b", "\"a/b\"")]
    [InlineData("""{ "prompt" : "x" , "model" : "a/b" }""", "a/b", "\"a/b\"")]
    [InlineData("""{"\u006dodel":"a/b"}""", "a/b", "\"a/b\"")]
    [InlineData("""{"\u006d\u006f\u0064\u0065\u006c":"a\/b"}""", "a/b", "\"a\\/b\"")]
    [InlineData("""{"model":"\u0061/b#c"}""", "a/b#c", "\"\\u0061/b#c\"")]
    [InlineData("""{"metadata":{"model":"inner"},"model":"outer"}""", "outer", "\"outer\"")]
    [InlineData("""{"prompt":"\"model\":\"inner\"","model":"outer"}""", "outer", "\"outer\"")]
    public void Finds_the_top_level_model_and_where_it_stands(string body, string model, string token)
    {
        var bytes = Encoding.UTF8.GetBytes(body);

        RequestScan.Run(bytes, Surface.Text, Strict, out var request).ShouldBeNull();

        request!.Model.ShouldBe(model);
        Encoding.UTF8.GetString(bytes[request.ModelStart..request.ModelEnd]).ShouldBe(token);
    }

    [Theory]
    [InlineData("""{"model":"a","stream":true}""", true)]
    [InlineData("""{"stream":false,"model":"a"}""", false)]
    [InlineData("""{"stream":null,"model":"a"}""", false)]
    [InlineData("""{"model":"a"}""", false)]
    public void Tells_whether_a_stream_is_asked_for(string body, bool expected)
    {
        RequestScan.Run(Encoding.UTF8.GetBytes(body), Surface.Text, Strict, out var request).ShouldBeNull();
        request!.Stream.ShouldBe(expected);
    }

    [Theory]
    [InlineData("""{"model":"a","model":"b"}""", "model")]
    [InlineData("""{"model":"a","\u006dodel":"b"}""", "model")]
    [InlineData("""{"mode\u006C":"a","\u006Dodel":"b"}""", "model")]
    [InlineData("""{"n":1,"model":"a","n":2}""", "n")]
    [InlineData("""{"stop":null,"model":"a","stop":null}""", "stop")]
    public void A_key_that_comes_twice_is_refused_however_it_is_written(string body, string field)
    {
        var error = Refused(body);

        error.Param.ShouldBe(field);
        error.Message.ShouldContain("twice");
    }

    [Theory]
    [InlineData("""{"model":"a","xyz":1}""", "xyz")]
    [InlineData("""{"model":"a","Model":"b"}""", "Model")]
    [InlineData("""{"model":"a","":1}""", "")]
    [InlineData("""{"model":"a","\u0078yz":1}""", "xyz")]
    [InlineData("""{"model":"a","messages":[]}""", "messages")] // of the other endpoint
    public void An_unknown_key_is_refused_by_name(string body, string field) =>
        Refused(body).Message.ShouldBe($"Extra inputs are not permitted, field: '{field}'");

    [Fact]
    public void An_unknown_key_passes_when_the_rule_is_relaxed_but_still_only_once()
    {
        Run("""{"model":"a","xyz":1,"abc":{"xyz":2}}""", Relaxed).ShouldBeNull();
        Run("""{"model":"a","xyz":1,"\u0078yz":1}""", Relaxed)!.Message.ShouldContain("twice");
    }

    [Theory]
    [InlineData("cache_salt")]
    [InlineData("request_id")]
    [InlineData("priority")]
    [InlineData("cache\\u005fsalt")]
    public void A_key_that_would_override_the_gateway_is_refused_even_when_relaxed(string key) =>
        Run($$"""{"model":"a","{{key}}":"x"}""", Relaxed)!.Message.ShouldStartWith("Extra inputs are not permitted");

    [Fact]
    public void A_very_long_key_is_refused_and_cut_in_the_message()
    {
        foreach (var options in (GatewayOptions[])[Strict, Relaxed])
        {
            var error = Run($$"""{"model":"a","{{new string('k', 100_000)}}":1}""", options)!;
            error.Message.Length.ShouldBeLessThan(200);
        }
    }

    [Theory]
    [InlineData("", "not valid JSON")]
    [InlineData("   ", "not valid JSON")]
    [InlineData("{", "not valid JSON")]
    [InlineData("""{"model":"a" """, "not valid JSON")]
    [InlineData("""{"model":"a"} x""", "not valid JSON")]
    [InlineData("""{"model":"a"}{}""", "not valid JSON")]
    [InlineData("""{"model":"a",}""", "not valid JSON")]
    [InlineData("""{"model":'a'}""", "not valid JSON")]
    [InlineData("""{"model":"a","n":01}""", "not valid JSON")]
    [InlineData("""{"model":"a","n":NaN}""", "not valid JSON")]
    [InlineData("""{/**/"model":"a"}""", "not valid JSON")]
    [InlineData("\uFEFF{}", "not valid JSON")]
    [InlineData("[]", "must be a JSON object")]
    [InlineData("\"model\"", "must be a JSON object")]
    [InlineData("null", "must be a JSON object")]
    [InlineData("{}", "model is required")]
    [InlineData("""{"prompt":"x"}""", "model is required")]
    [InlineData("""{"model":null}""", "model must be a string")]
    [InlineData("""{"model":1}""", "model must be a string")]
    [InlineData("""{"model":["a"]}""", "model must be a string")]
    [InlineData("""{"model":{"a":1}}""", "model must be a string")]
    [InlineData("""{"model":"\ud800"}""", "surrogate")]
    [InlineData("""{"model":"a","stream":"true"}""", "stream must be true or false")]
    [InlineData("""{"model":"a","stream":1}""", "stream must be true or false")]
    public void Broken_bodies_are_refused_with_the_cause(string body, string cause)
    {
        var error = Refused(body);

        error.Status.ShouldBe(400);
        error.Message.ShouldContain(cause);
    }

    [Fact]
    public void Half_a_surrogate_pair_in_a_key_is_refused() =>
        Refused("""{"model":"a","\ud800":1}""").Message.ShouldStartWith("Extra inputs are not permitted");

    [Theory]
    [InlineData(0xFF)]
    [InlineData(0xC0)]
    [InlineData(0x80)]
    public void Bytes_that_are_no_utf8_are_refused_even_in_a_string_nobody_reads(byte bad)
    {
        byte[] body = [.. """{"model":"a","prompt":"x"""u8, bad, .. "\"}"u8];

        RequestScan.Run(body, Surface.Text, Strict, out _)!.Message.ShouldContain("UTF-8");
    }

    [Fact]
    public void Nesting_is_bounded()
    {
        string Nested(int levels) => $$"""{"model":"a","metadata":{{new string('[', levels)}}{{new string(']', levels)}}}""";

        Run(Nested(Strict.MaxDepth - 1), Strict).ShouldBeNull();
        Refused(Nested(Strict.MaxDepth)).Message.ShouldContain($"deeper than {Strict.MaxDepth}");
        Refused(Nested(1_000_000)).Message.ShouldContain("deeper");
    }

    [Theory]
    [InlineData("""{"model":"a","prompt":"CANARY" x}""")]
    [InlineData("""{"model":"a","prompt":CANARY}""")]
    [InlineData("""{"model":"a","prompt":"CANARY\q"}""")]
    [InlineData("""{"model":"a","n":1CANARY}""")]
    [InlineData("""{"model":["CANARY"]}""")]
    [InlineData("""{"model":"a","stream":"CANARY"}""")]
    public void A_message_never_quotes_a_value(string body)
    {
        var error = Refused(body);

        error.Message.ShouldNotContain("CANARY");
        error.Param?.ShouldNotContain("CANARY");
    }

    [Fact]
    public void Every_known_key_passes_on_its_own_surface_whatever_its_value()
    {
        foreach (var surface in (Surface[])[Surface.Chat, Surface.Text])
        {
            foreach (var field in RequestFields.All.Where(field => field.Name is not ("model" or "stream")))
            {
                var error = RequestScan.Run(
                    Encoding.UTF8.GetBytes($$"""{"model":"a","{{field.Name}}":[{"x":1},null]}"""), surface, Strict, out _);
                (error is null).ShouldBe((field.On & surface) != 0, field.Name);
            }
        }
    }

    private static InferenceError Refused(string body)
    {
        var error = Run(body, Strict);
        error.ShouldNotBeNull();
        error.Status.ShouldBe(400);
        return error;
    }

    private static InferenceError? Run(string body, GatewayOptions options) =>
        RequestScan.Run(Encoding.UTF8.GetBytes(body), Surface.Text, options, out _);
}
