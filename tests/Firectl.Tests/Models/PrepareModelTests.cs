using System.Text.Json.Nodes;

namespace Firectl.Tests.Models;

public class PrepareModelTests
{
    private const string Asked = "POST /v1/accounts/team/models/m:prepare", Looked = "GET /v1/accounts/team/models/m";

    [Theory]
    [InlineData("prepare-model m -a team --precision FP8")]
    [InlineData("model prepare m -a team --precision fp8")]
    [InlineData("prepare model m -a team --precision fp8")]
    public async Task All_word_orders_begin_it(string commandLine)
    {
        using var run = new FirectlRun().Answer(Asked, "{}").Answer(Looked, Model("PENDING", 0));
        (await run.RunAsync(commandLine)).ShouldBe(0, run.Errors);
        JsonNode.DeepEquals(JsonNode.Parse(run.Sent[0].Body), JsonNode.Parse("""{"precision":"FP8"}""")).ShouldBeTrue();
        run.Output.ShouldContain("PENDING");
    }

    [Fact]
    public async Task A_precision_is_required()
    {
        using var run = new FirectlRun();
        (await run.RunAsync("prepare-model m -a team")).ShouldBe(2);
        run.Errors.ShouldContain("--precision");
    }

    [Fact]
    public async Task Waiting_ends_when_the_precision_is_there()
    {
        using var run = new FirectlRun().Answer(Asked, "{}").Answer(Looked, Model("READY", 100, "\"BF16\",\"FP8\""));
        (await run.RunAsync("prepare-model m -a team --precision FP8 --wait")).ShouldBe(0, run.Errors);
        run.Errors.ShouldContain("accounts/team/models/m for FP8: READY");
    }

    [Fact]
    public async Task Waiting_ends_with_the_reason_of_a_failure()
    {
        using var run = new FirectlRun().Answer(Asked, "{}").Answer(Looked, Model("FAILED", 35, "\"BF16\"", "the disk is full: make room"));
        (await run.RunAsync("prepare-model m -a team --precision FP8 --wait")).ShouldNotBe(0);
        run.Errors.ShouldContain("is not prepared for FP8: the disk is full: make room");
    }

    [Fact]
    public async Task Waiting_for_a_server_that_is_lost_says_that_the_job_goes_on()
    {
        using var run = new FirectlRun().Answer(Asked, "{}"); // and then nobody answers
        (await run.RunAsync("prepare-model m -a team --precision FP8 --wait")).ShouldBe(8);
        run.Errors.ShouldContain("accounts/team/models/m for FP8 is not waited for any more; the server goes on with it, after a restart too");
        run.Errors.ShouldContain("cannot be reached");
    }

    [Fact]
    public async Task A_variant_is_asked_for_and_waited_for()
    {
        const string There = """
            {"name":"accounts/team/models/m","supportedPrecisions":["BF16","FP8"],"stokerPreparations":[{"precision":"FP8","state":"READY","percent":100,
             "sizeBytes":"3400000","safetensors":{"folder":"stoker-fp8-safetensors","sizeBytes":"4100000"},"updateTime":"2030-01-01T12:00:00Z"}]}
            """;
        using var run = new FirectlRun().Answer(Asked, "{}").Answer(Looked, There);
        (await run.RunAsync("prepare-model m -a team --precision FP8 --safetensors --wait")).ShouldBe(0, run.Errors);
        JsonNode.DeepEquals(JsonNode.Parse(run.Sent[0].Body), JsonNode.Parse("""{"precision":"FP8","stokerSafetensors":true}""")).ShouldBeTrue();
        run.Output.ShouldContain("4100000");
        run.Output.ShouldContain("stoker-fp8-safetensors");
    }

    [Fact]
    public async Task The_precision_alone_is_not_the_variant_that_was_asked_for()
    {
        using var run = new FirectlRun().Answer(Asked, "{}").Answer(Looked, Model("FAILED", 60, "\"BF16\",\"FP8\"", "the disk is full: make room"));
        (await run.RunAsync("prepare-model m -a team --precision FP8 --safetensors --wait")).ShouldNotBe(0);
        run.Errors.ShouldContain("is not prepared for FP8: the disk is full: make room");
    }

    [Fact]
    public async Task A_variant_is_fetched_by_its_precision()
    {
        using var run = new FirectlRun().Answer(Looked + ":getDownloadEndpoint?stokerSafetensors=INT8", """{"filenameToSignedUrls":{}}""");
        var folder = Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString("N"));
        try
        {
            (await run.RunAsync($"download model m {folder} -a team --safetensors int8")).ShouldBe(0, run.Errors);
        }
        finally
        {
            Directory.Delete(folder);
        }
    }

    private static string Model(string state, int percent, string supported = "\"BF16\"", string? message = null) => $$"""
        {"name":"accounts/team/models/m","kind":"HF_BASE_MODEL","supportedPrecisions":[{{supported}}],
         "stokerPreparations":[{"precision":"FP8","state":"{{state}}","percent":{{percent}},{{(message is null ? "" : $"\"message\":\"{message}\",")}}"updateTime":"2030-01-01T12:00:00Z"}]}
        """;
}
