using System.Text;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests.BadInput;

/// <summary>
/// Bodies that are wrong, against gateway, replica and engine together: the right status, the cause, the next step, and
/// a sound server.
/// </summary>
public class InferenceBodyTests(DeployedServer deployed) : IClassFixture<DeployedServer>
{
    private const string Model = DeployedServer.Deployment;
    private const string Completions = "/inference/v1/completions";
    private const string Chat = "/inference/v1/chat/completions";

    private StokerServerProcess Server => deployed.Server;

    [Theory]
    [InlineData("", 400, "not valid JSON")]
    [InlineData("{", 400, "not valid JSON")]
    [InlineData("[]", 400, "must be a JSON object")]
    [InlineData("""{"model":"MODEL","prompt":"x"} y""", 400, "not valid JSON")]
    [InlineData("""{"model":"MODEL","prompt":"x","max_tokens":NaN}""", 400, "not valid JSON")]
    [InlineData("""{"model":"MODEL","prompt":"x","prompt":"y"}""", 400, "'prompt' is there twice")]
    [InlineData("""{"model":"MODEL","\u006dodel":"other","prompt":"x"}""", 400, "'model' is there twice")]
    [InlineData("""{"model":7,"prompt":"x"}""", 400, "model must be a string")]
    [InlineData("""{"model":"MODEL","prompt":{"a":1}}""", 400, "'prompt' must be a string, an array of strings")]
    [InlineData("""{"model":"MODEL"}""", 400, "'prompt' is required")]
    [InlineData("""{"model":"MODEL","prompt":"x","stream":"yes"}""", 400, "stream must be true or false")]
    [InlineData("""{"model":"MODEL","prompt":"x","colour":"red"}""", 400, "Extra inputs are not permitted, field: 'colour'")]
    [InlineData("""{"model":"MODEL","prompt":"x","max_tokens":"7"}""", 400, "'max_tokens' must be an integer from 0")]
    [InlineData("""{"model":"MODEL","prompt":"x","max_tokens":-1}""", 400, "'max_tokens' must be an integer from 0")]
    [InlineData("""{"model":"MODEL","prompt":"x","max_tokens":0}""", 400, "'max_tokens' must be at least 1")]
    [InlineData("""{"model":"MODEL","prompt":"x","max_tokens":1.5}""", 400, "'max_tokens' must be an integer")]
    [InlineData("""{"model":"MODEL","prompt":"x","max_tokens":99999999999999999999}""", 400, "'max_tokens' must be an integer")]
    [InlineData("""{"model":"MODEL","prompt":"x","temperature":1e999}""", 400, "'temperature' must be a number from 0 to 2")]
    [InlineData("""{"model":"MODEL","prompt":"x","n":1000000}""", 400, "'n' must be an integer from 1 to 128")]
    [InlineData("""{"model":"MODEL","prompt":"x","logit_bias":{"99999999":1}}""", 400, "ids of this model are 0 to 2047")]
    [InlineData("""{"model":"MODEL","prompt":[1,2,99999999]}""", 400, "token")]
    [InlineData("""{"model":"MODEL","prompt":"\ud800"}""", 400, "half a surrogate pair")]
    [InlineData("""{"model":"no-such-model","prompt":"x"}""", 404, "Model not found, inaccessible, and/or not deployed")]
    [InlineData("""{"model":"MODEL","prompt":"x","images":["data:"]}""", 400, "'images' is not supported")]
    [InlineData("""{"model":"MODEL","prompt":"x","response_format":{"type":"json_object"}}""", 400, "'response_format' is not supported")]
    [InlineData("""{"model":"MODEL","prompt":"x","prediction":{"type":"text","content":"y"}}""", 400, "'prediction.type' must be content")]
    [InlineData("""{"model":"MODEL","prompt":"x","max_tokens":2,"prediction":"one two three four five"}""", 400, "Shorten the prediction, or raise max_tokens")]
    [InlineData("""{"model":"MODEL","prompt":["x","y"],"prediction":"z"}""", 400, "'prediction' is what the answer to one prompt will be, and there are 2; send a request for each prompt")]
    [InlineData("""{"model":"MODEL","prompt":"x","speculation":"a","prediction":"b"}""", 400, "send prediction or speculation, not both")]
    [InlineData("""{"model":"MODEL","prompt":"x","speculation":[5,2048]}""", 400, "ids of this model are 0 to 2047")]
    [InlineData("""{"model":"MODEL","prompt":"x","cache_salt":"y"}""", 400, "cache_salt")]
    public async Task A_wrong_completion_names_its_fault(string body, int status, string cause) =>
        await ShouldRefuseAsync(Completions, body, status, cause);

    [Theory]
    [InlineData("""{"model":"MODEL"}""", "'messages' is required")]
    [InlineData("""{"model":"MODEL","messages":[]}""", "'messages' must have at least one entry")]
    [InlineData("""{"model":"MODEL","messages":"hello"}""", "'messages' must be an array")]
    [InlineData("""{"model":"MODEL","messages":[{"role":"wizard","content":"x"}]}""", "'messages[0].role' must be one of system, user, assistant")]
    [InlineData("""{"model":"MODEL","messages":[{"role":"user","content":7}]}""", "'messages[0].content' must be a string")]
    [InlineData("""{"model":"MODEL","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function"}]}""", "'tools' is not supported")]
    public async Task A_wrong_chat_names_its_fault(string body, string cause) =>
        await ShouldRefuseAsync(Chat, body, 400, cause);

    [Fact]
    public async Task A_prompt_that_is_too_long_names_both_lengths()
    {
        await ShouldRefuseAsync(Completions, Prompt(string.Concat(Enumerable.Repeat("word ", 5_000))), 400, "tokens; the context length is 512. Shorten the prompt");
        await ShouldRefuseAsync(Completions, Prompt(new string('a', 10_000_000)), 400, "The prompt has 10000001 tokens; the context length is 512");
    }

    [Fact]
    public async Task A_body_above_16_MiB_is_413_whether_or_not_it_says_its_length()
    {
        var body = Encoding.UTF8.GetBytes(Prompt(new string('a', 16 << 20)));
        var announced = await RawHttp.SendAsync(Server, "POST", Completions, body);
        announced.Status.ShouldBe(413, announced.Text);
        announced.Text.ShouldContain("larger than 16777216 bytes");

        byte[] chunk = [.. Encoding.ASCII.GetBytes($"{body.Length:x}\r\n"), .. body, .. "\r\n0\r\n\r\n"u8];
        var chunked = await RawHttp.SendAsync(Server, "POST", Completions, chunk, "Content-Length:", "Transfer-Encoding: chunked");
        chunked.Status.ShouldBe(413, chunked.Text);
        await deployed.ShouldBeSoundAsync();
    }

    [Fact]
    public async Task Bytes_that_are_no_text_nesting_and_compression_are_refused()
    {
        byte[] broken = [.. Encoding.UTF8.GetBytes($$"""{"model":"{{Model}}","prompt":" """), 0xff, 0xfe, .. "\"}"u8];
        var utf8 = await RawHttp.SendAsync(Server, "POST", Completions, broken);
        (utf8.Status, utf8.Json["error"]!["message"]!.GetValue<string>()).ShouldBe((400, "The body is not valid UTF-8"));

        var nested = $$"""{"model":"{{Model}}","prompt":{{new string('[', 100_000)}}{{new string(']', 100_000)}}}""";
        await ShouldRefuseAsync(Completions, nested, 400, "nested deeper than 64 levels");

        var compressed =
            await RawHttp.SendAsync(Server, "POST", Completions, [0x1f, 0x8b, 8, 0], "Content-Encoding: gzip");
        compressed.Status.ShouldBe(415);
        compressed.Text.ShouldContain("send the body without Content-Encoding");

        var chunks = await RawHttp.SendAsync(Server, "POST", Completions, "ZZZ\r\n"u8.ToArray(), "Content-Length:", "Transfer-Encoding: chunked");
        chunks.Status.ShouldBe(400);
        await deployed.ShouldBeSoundAsync();
    }

    [Fact]
    public async Task Long_names_are_not_echoed_whole()
    {
        var key = await RawHttp.PostAsync(Server, Completions, $$"""{"model":"{{Model}}","{{new string('k', 1_000_000)}}":1}""");
        (key.Status, key.Body.Length < 1_000).ShouldBe((400, true));
        var path = await RawHttp.SendAsync(Server, "GET", "/" + new string('a', 6_000), null);
        (path.Status, path.Body.Length < 1_000).ShouldBe((404, true));
        await ShouldRefuseAsync(Completions, $$"""{"model":"{{new string('m', 1_000_000)}}","prompt":"x"}""", 404, "Model not found");
    }

    private static string Prompt(string text) => $$"""{"model":"{{Model}}","prompt":"{{text}}","max_tokens":1}""";

    private async Task ShouldRefuseAsync(string path, string body, int status, string cause)
    {
        var answer = await RawHttp.PostAsync(Server, path, body.Replace("MODEL", Model));
        answer.Status.ShouldBe(status, answer.Text);
        answer.Header("Content-Type").ShouldStartWith("application/json");
        var error = answer.Json["error"]!;
        error["message"]!.GetValue<string>().ShouldContain(cause);
        error["code"]!.GetValue<string>().ShouldNotBeNullOrEmpty();
        error["type"]!.GetValue<string>().ShouldNotBeNullOrEmpty();
        await deployed.ShouldBeSoundAsync();
    }
}
