using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests.BadInput;

/// <summary>The same for the management API.</summary>
public class ManagementBodyTests(DeployedServer deployed) : IClassFixture<DeployedServer>
{
    private const string Deployments = "/v1/accounts/default/deployments";
    private const string Story = "accounts/fireworks/models/story-3m";

    private StokerServerProcess Server => deployed.Server;

    [Theory]
    [InlineData("", "The body is empty")]
    [InlineData("{", "not valid JSON")]
    [InlineData("[]", "must be an object")]
    [InlineData("null", "The body is null")]
    [InlineData("""{"baseModel":"a","baseModel":"b"}""", "baseModel is there twice")]
    [InlineData("""{"baseModel":"a","base\u004dodel":"b"}""", "baseModel is there twice")]
    [InlineData("""{"baseModel":7}""", "baseModel must be a string")]
    [InlineData("""{"baseModel":"STORY","colour":"red"}""", "colour is no field")]
    [InlineData("""{"baseModel":"STORY","minReplicaCount":"many"}""", "minReplicaCount must be a 32-bit whole number")]
    [InlineData("""{"baseModel":"STORY","minReplicaCount":99999999999}""", "minReplicaCount must be a 32-bit whole number")]
    [InlineData("""{"baseModel":"STORY","minReplicaCount":2147483647}""", "min_replica_count must be at most 1000, was 2147483647")]
    [InlineData("""{"baseModel":"STORY","maxReplicaCount":-5}""", "max_replica_count must be at least 0, was -5")]
    [InlineData("""{"baseModel":"STORY","acceleratorCount":2000000000}""", "accelerator_count")]
    [InlineData("""{"baseModel":"STORY","maxContextLength":2000000000}""", "max_context_length must be at most the model's 512")]
    [InlineData("""{"baseModel":"STORY","autoscalingPolicy":{"scaleToZeroWindow":"99999999999999999999s"}}""", "must be a duration")]
    [InlineData("""{"baseModel":"STORY","displayName":"\ud800"}""", "displayName has a value")]
    public async Task A_wrong_deployment_names_its_fault(string body, string cause)
    {
        var answer = await RawHttp.PostAsync(Server, Deployments, body.Replace("STORY", Story));
        ShouldBeProblem(answer, 400, 3, cause);
        (await Server.GetAsync("d")).State.ShouldBe("READY");
    }

    [Fact]
    public async Task Large_broken_and_compressed_bodies_are_refused()
    {
        var large =
            await RawHttp.PostAsync(Server, Deployments, $$"""{"description":"{{new string('a', 10_000_000)}}"}""");
        ShouldBeProblem(large, 400, 3, "The body is larger than 1048576 bytes");
        var utf8 =
            await RawHttp.SendAsync(Server, "POST", Deployments, [.. "{\"description\":\""u8, 0xff, 0xfe, .. "\"}"u8]);
        ShouldBeProblem(utf8, 400, 3, "not valid UTF-8");
        var compressed = await RawHttp.SendAsync(Server, "POST", Deployments, [0x1f, 0x8b], "Content-Encoding: gzip");
        ShouldBeProblem(compressed, 400, 3, "send it without Content-Encoding");
        var nested = await RawHttp.PostAsync(Server, Deployments, $$"""{"placement":{{new string('[', 100_000)}}{{new string(']', 100_000)}}}""");
        nested.Status.ShouldBe(400, nested.Text);
        await deployed.ShouldBeSoundAsync();
    }

    [Theory]
    [InlineData("GET", "/v1/accounts/default/deployments/none", 404, "deployment \"accounts/default/deployments/none\" not found")]
    [InlineData("GET", "/v1/accounts/default/deployments/NO$$", 404, "not found")]
    [InlineData("GET", "/v1/accounts/default/models/none", 404, "model \"accounts/default/models/none\" not found")]
    [InlineData("GET", "/v1/accounts/default/nonsense", 404, "no route")]
    [InlineData("GET", "/nonsense", 404, "no route")]
    [InlineData("DELETE", "/v1/accounts/default/deployments", 405, "allowed: GET, POST")]
    [InlineData("GET", "/v1/accounts/default/deployments?colour=red", 400, "'colour' is not known here")]
    [InlineData("GET", "/v1/accounts/default/deployments?filter=colour%20%3D", 400, "unknown field 'colour'")]
    [InlineData("GET", "/v1/accounts/default/deployments?pageSize=-1", 400, "page_size")]
    [InlineData("GET", "/v1/accounts/default/deployments?pageToken=AAAA", 400, "page_token")]
    [InlineData("GET", "/v1/accounts/default/models/..%2f..%2f..%2fadmin.key", 404, "not found")]
    [InlineData("GET", "/v1/accounts/..%2f../models", 404, "not found")]
    [InlineData("GET", "/v1/accounts/fireworks/models/story-3m/files/..%2f..%2fadmin.key", 401, "not one that this server gave out")]
    [InlineData("GET", "/v1/accounts/fireworks/models/story-3m/files/model.safetensors?expires=99999999999&signature=AAAA", 401, "not one that this server gave out")]
    [InlineData("GET", "//v1/accounts", 404, "no route")]
    public async Task A_wrong_path_method_or_parameter_says_what_there_is(string method, string target, int status, string cause)
    {
        var answer = await RawHttp.SendAsync(Server, method, target, null);
        answer.Status.ShouldBe(status, answer.Text);
        answer.Json["message"]!.GetValue<string>().ShouldContain(cause);
        answer.Text.ShouldNotContain(Server.Key);
    }

    [Theory]
    [InlineData("GET", "/inference/v1/completions", 405)]
    [InlineData("GET", "/v1/completions", 405)]
    [InlineData("DELETE", "/v1/models", 405)]
    [InlineData("GET", "/inference/v1/nonsense", 404)]
    [InlineData("GET", "/v1/nonsense", 404)]
    public async Task The_inference_surface_has_its_own_form_of_it(string method, string target, int status)
    {
        var answer = await RawHttp.SendAsync(Server, method, target, null);
        answer.Status.ShouldBe(status, answer.Text);
        answer.Json["error"]!["code"]!.GetValue<string>().ShouldBe(status == 405 ? "METHOD_NOT_ALLOWED" : "NOT_FOUND");
        (answer.Header("Allow") is not null).ShouldBe(status == 405);
    }

    [Fact]
    public async Task Dots_are_resolved_before_a_route_is_chosen_and_its_key_asked_for()
    {
        foreach (var target in new[] { "/inference/v1/../../v1/accounts", "/inference/%2e%2e/v1/accounts", "/health/../v1/accounts" })
        {
            var answer = await RawHttp.SendAsync(Server, "GET", target, null, "Authorization:");
            answer.Status.ShouldBe(401, $"{target}: {answer.Text}");
        }

        // Nothing above the root, and what no path can be.
        foreach (var target in new[] { "/../../../../etc/passwd", "/%00", "/%2e%2e/%2e%2e/etc/passwd", "/" + new string('a', 40_000) })
        {
            (await RawHttp.SendAsync(Server, "GET", target, null)).Status.ShouldBeOneOf(400, 404, 414);
        }

        await deployed.ShouldBeSoundAsync();
    }

    private static void ShouldBeProblem(RawAnswer answer, int status, int code, string cause)
    {
        answer.Status.ShouldBe(status, answer.Text);
        answer.Json["code"]!.GetValue<int>().ShouldBe(code);
        answer.Json["message"]!.GetValue<string>().ShouldContain(cause);
        answer.Json["details"].ShouldNotBeNull();
    }
}
