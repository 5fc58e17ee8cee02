using System.Text;
using Microsoft.AspNetCore.Http;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Tests.Resources;

public class JsonBodyTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void A_good_body_is_read()
    {
        var model = Parse("""{"displayName": "x", "contextLength": 5, "public": null, "baseModelDetails": {"parameterCount": "9007199254740993"}}""").Value;

        (model.DisplayName, model.ContextLength, model.Public, model.BaseModelDetails!.ParameterCount).ShouldBe(("x", 5, null, 9007199254740993));
        Parse("""{"baseModelDetails": {"parameterCount": 7}}""").Value.BaseModelDetails!.ParameterCount.ShouldBe(7);
        Parse("{}").Value.ShouldBe(new ModelResource());
    }

    [Theory]
    [InlineData("{\"nosuch\": 1}", "nosuch is no field")]
    [InlineData("{\"DisplayName\": \"x\"}", "DisplayName is no field")]
    [InlineData("{\"display\\u004eame\": \"x\", \"displayName\": \"y\"}", "displayName is there twice")]
    [InlineData("{\"baseModelDetails\": {\"nosuch\": 1}}", "baseModelDetails.nosuch is no field")]
    [InlineData("{\"baseModelDetails\": {\"moe\": true, \"moe\": false}}", "baseModelDetails.moe is there twice")]
    [InlineData("{\"displayName\": 5}", "displayName must be a string")]
    [InlineData("{\"displayName\": [\"x\"]}", "displayName must be a string, was an array")]
    [InlineData("{\"contextLength\": \"5\"}", "contextLength must be a 32-bit whole number, was a string")]
    [InlineData("{\"contextLength\": 5.5}", "contextLength must be a 32-bit")]
    [InlineData("{\"contextLength\": 3000000000}", "contextLength must be a 32-bit")]
    [InlineData("{\"contextLength\": 1e400}", "contextLength must be a 32-bit")]
    [InlineData("{\"public\": \"true\"}", "public must be true or false")]
    [InlineData("{\"baseModelDetails\": []}", "baseModelDetails must be an object, was an array")]
    [InlineData("{\"peftDetails\": {\"targetModules\": \"q\"}}", "peftDetails.targetModules must be an array")]
    [InlineData("{\"peftDetails\": {\"targetModules\": [\"q\", 5]}}", "peftDetails.targetModules[1] must be a string")]
    [InlineData("{\"baseModelDetails\": {\"parameterCount\": \"many\"}}", "baseModelDetails.parameterCount must be a 64-bit whole number")]
    [InlineData("{\"baseModelDetails\": {\"parameterCount\": 99999999999999999999}}", "baseModelDetails.parameterCount must be a 64-bit")]
    [InlineData("{\"createTime\": \"yesterday\"}", "createTime must be a time")]
    [InlineData("{\"defaultSamplingParams\": {\"a\": \"b\"}}", "defaultSamplingParams.a must be a number")]
    [InlineData("{\"defaultSamplingParams\": {\"a\": 1, \"a\": 2}}", "defaultSamplingParams.a is there twice")]
    [InlineData("[]", "body must be an object")]
    [InlineData("5", "body must be an object")]
    public void What_does_not_fit_is_refused_with_its_path(string body, string reason)
    {
        var problem = Parse(body).Problem!;

        problem.Code.ShouldBe(Code.InvalidArgument);
        problem.Message.ShouldContain(reason);
        problem.Message.ShouldNotContain("Stoker");
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("null", "null")]
    [InlineData("{", "line 1")]
    [InlineData("{}}", "line 1")]
    [InlineData("{} {}", "line 1")]
    [InlineData("{\n \"a\"", "line 2")]
    [InlineData("{'displayName': 1}", "line 1")]
    [InlineData("{\"displayName\": \"x\",}", "line 1")]
    [InlineData("// comment\n{}", "line 1")]
    public void What_is_no_json_is_refused_with_its_place(string body, string reason) =>
        Parse(body).Problem!.Message.ShouldContain(reason);

    [Fact]
    public void Bad_utf8_is_refused() =>
        JsonBody.Parse([.. "{\"displayName\": \""u8, 0xC3, 0x28, .. "\"}"u8], WireJson.Context.ModelResource).Problem!.Message.ShouldContain("UTF-8");

    [Theory]
    [InlineData("{\"\\ud800\": 1}")]
    [InlineData("{\"displayName\": \"\\ud800\"}")]
    [InlineData("{\"createTime\": \"\\udc00\"}")]
    [InlineData("{\"defaultSamplingParams\": {\"\\ud800\": 1}}")]
    [InlineData("{\"baseModelDetails\": {\"parameterCount\": \"\\ud800\"}}")]
    public void Half_a_surrogate_pair_is_refused_wherever_it_stands(string body) =>
        Parse(body).Problem!.Code.ShouldBe(Code.InvalidArgument);

    [Fact]
    public void Deep_nesting_is_refused_and_not_followed() =>
        Parse($$"""{"nosuch": {{new string('[', 100_000)}}""").Problem!.Code.ShouldBe(Code.InvalidArgument);

    [Fact]
    public void Many_mistakes_make_a_short_answer() =>
        Parse($$"""{{{string.Join(',', Enumerable.Range(0, 5000).Select(i => $"\"{new string('x', 500)}{i}\": 1"))}}}""")
            .Problem!.Message.Length.ShouldBeLessThan(5_000);

    [Fact]
    public async Task A_body_over_the_limit_is_refused_with_or_without_a_length()
    {
        var large = Encoding.UTF8.GetBytes($$"""{"displayName": "{{new string('x', 2_000_000)}}"}""");

        (await Read(large, large.Length)).Problem!.Message.ShouldContain("larger than 1048576 bytes");
        (await Read(large, null)).Problem!.Message.ShouldContain("larger than 1048576 bytes");
        (await Read("{}"u8.ToArray(), null)).Problem.ShouldBeNull();
    }

    [Fact]
    public async Task A_compressed_body_is_refused()
    {
        var context = new DefaultHttpContext();
        context.Request.Headers.ContentEncoding = "gzip";

        (await JsonBody.ReadAsync(context.Request, WireJson.Context.ModelResource, Cancellation)).Problem!.Message.ShouldContain("Content-Encoding");
    }

    private static Result<ModelResource> Parse(string body) =>
        JsonBody.Parse(Encoding.UTF8.GetBytes(body), WireJson.Context.ModelResource);

    private static async Task<Result<ModelResource>> Read(byte[] body, long? length)
    {
        var context = new DefaultHttpContext();
        (context.Request.Body, context.Request.ContentLength) = (new MemoryStream(body), length);
        return await JsonBody.ReadAsync(context.Request, WireJson.Context.ModelResource, Cancellation);
    }
}
