using System.Text.Json.Nodes;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests.Security;

/// <summary>What the log of the real server says of calls whose names are in their answers, or that have no key.</summary>
public class AuditTests(VictimServer server) : IClassFixture<VictimServer>
{
    private const string Deployments = "/v1/accounts/default/deployments";

    [Fact]
    public async Task What_the_server_names_itself_is_named_in_the_log()
    {
        var made = await PostAsync(Deployments, """{"baseModel":"accounts/fireworks/models/story-3m","minReplicaCount":0,"maxReplicaCount":0}""");

        var entry = await NewestAsync();
        entry.ShouldBe($"CreateDeployment {made["name"]} OK");
    }

    [Fact]
    public async Task A_validation_leaves_nothing_and_a_call_that_only_looks_like_one_does()
    {
        const string Body = """{"baseModel":"accounts/fireworks/models/story-3m"}""";
        var before = await NewestAsync();
        await PostAsync($"{Deployments}?validateOnly=true", Body);
        (await NewestAsync()).ShouldBe(before);
        (await RawHttp.PostAsync(server.Server, $"{Deployments}?validateOnly=perhaps&deploymentId=v", Body)).Status.ShouldBe(400);
        (await NewestAsync()).ShouldBe("CreateDeployment accounts/default/deployments INVALID_ARGUMENT");
    }

    [Fact]
    public async Task A_file_by_a_signed_address_is_in_the_log_and_a_strangers_is_not()
    {
        await PostAsync("/v1/accounts/default/models", """{"modelId":"audited","model":{"kind":"HF_BASE_MODEL","baseModelDetails":{}}}""");
        var upload = await PostAsync("/v1/accounts/default/models/audited:getUploadEndpoint", """{"filenameToSize":{"config.json":"2"}}""");
        (await NewestAsync()).ShouldBe("GetModelUploadEndpoint accounts/default/models/audited OK");
        var address = new Uri(upload["filenameToSignedUrls"]!["config.json"]!.GetValue<string>()).PathAndQuery;

        (await RawHttp.SendAsync(server.Server, "PUT", address[..^4] + "AAAA", "{}"u8.ToArray(), "Authorization:")).Status.ShouldBe(401);
        (await NewestAsync()).ShouldBe("GetModelUploadEndpoint accounts/default/models/audited OK");
        (await RawHttp.SendAsync(server.Server, "PUT", address, "{}"u8.ToArray(), "Authorization:")).Status.ShouldBe(200);
        (await NewestAsync()).ShouldBe("PutFile accounts/default/models/audited/files/config.json OK");
        (await LogAsync())[0]!["principal"]!.GetValue<string>().ShouldBe("signed address");
        (await LogAsync())[0]!.ToJsonString().ShouldNotContain("signature");
    }

    private async Task<JsonNode> PostAsync(string path, string body)
    {
        var answer = await RawHttp.PostAsync(server.Server, path, body);
        answer.Status.ShouldBe(200, answer.Text);
        return answer.Json;
    }

    private async Task<string> NewestAsync()
    {
        var entry = (await LogAsync())[0]!;
        return $"{entry["method"]} {entry["resource"]} {entry["status"]!["code"]}";
    }

    private async Task<JsonArray> LogAsync()
    {
        var answer = await RawHttp.SendAsync(server.Server, "GET", "/v1/accounts/default/auditLogs", null);
        answer.Status.ShouldBe(200, answer.Text);
        return answer.Json["auditLogs"]!.AsArray();
    }
}
