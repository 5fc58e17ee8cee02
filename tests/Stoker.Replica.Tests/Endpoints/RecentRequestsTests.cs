using System.Net;
using System.Text.Json.Nodes;
using Stoker.Api.Replicas;

namespace Stoker.Replica.Tests.Endpoints;

/// <summary>What a gateway learns of a request of which it did not hear the end.</summary>
public sealed class RecentRequestsTests : IAsyncLifetime
{
    private const string Id = "0123456789abcdef";

    private RunningReplica _replica = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _replica = await (await RunningReplica.StartAsync()).LoadedAsync();

    public ValueTask DisposeAsync() => _replica.DisposeAsync();

    [Fact]
    public async Task A_request_that_ended_has_what_its_answer_said()
    {
        using var answer = await SendAsync("""{"model":"sim","prompt":"Once upon","max_tokens":5}""");
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);

        (await UsageAsync()).ShouldBe("""{"promptTokens":9,"cachedTokens":0,"generatedTokens":5,"draftedTokens":0,"acceptedTokens":0}""");
    }

    [Fact]
    public async Task One_whose_client_left_has_its_prompt_and_what_came_until_then()
    {
        await using var slow = await (await RunningReplica.StartAsync(RunningReplica.Fast with { DecodeTokensPerSecond = 50 })).LoadedAsync();
        var read = 0;
        using var leaves = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        using (var answer = await SendAsync("""{"model":"sim","prompt":"Once upon","max_tokens":4000,"ignore_eos":true,"stream":true}""", slow))
        {
            using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(Stop));
            while (read < 3) read += (await reader.ReadLineAsync(Stop))!.StartsWith("data: ", StringComparison.Ordinal) ? 1 : 0;
            await leaves.CancelAsync(); // closes the connection, where an end of the reading would read on for a while
            await Should.ThrowAsync<OperationCanceledException>(async () => await reader.ReadToEndAsync(leaves.Token));
        }

        var usage = JsonNode.Parse((await UsageAsync(slow)).ShouldNotBeNull())!;
        usage["promptTokens"]!.GetValue<int>().ShouldBe(9);
        usage["generatedTokens"]!.GetValue<int>().ShouldBeInRange(read, 3999);
    }

    [Fact]
    public async Task One_that_is_not_known_is_not_found() => (await UsageAsync()).ShouldBeNull();

    [Fact]
    public async Task One_that_was_refused_is_not_found()
    {
        using var answer = await SendAsync("""{"model":"sim","prompt":"Once","max_tokens":-1}""");
        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await UsageAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task Drafts_are_told_to_a_gateway_in_a_line_of_its_own_and_to_others_not_at_all()
    {
        const string Ask = """{"model":"sim","prompt":"Once upon","max_tokens":20,"seed":1,"stream":true,"prediction":{"type":"content","content":"a b c"}}""";
        using (var direct = await SendAsync(Ask, id: null)) (await direct.Content.ReadAsStringAsync(Stop)).ShouldNotContain("stoker-drafts");

        using var told = await SendAsync(Ask);
        var text = await told.Content.ReadAsStringAsync(Stop);
        var line = text.Split('\n').Single(line => line.StartsWith(":stoker-drafts ", StringComparison.Ordinal));
        var usage = JsonNode.Parse((await UsageAsync())!)!;
        line.ShouldBe($":stoker-drafts {usage["draftedTokens"]},{usage["acceptedTokens"]}");
    }

    private async Task<HttpResponseMessage> SendAsync(string body, RunningReplica? replica = null, string? id = Id)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json") };
        if (id is not null) request.Headers.Add(ReplicaProtocol.RequestIdHeader, id);
        return await (replica ?? _replica).Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Stop);
    }

    /// <summary>Null for not found.</summary>
    private async Task<string?> UsageAsync(RunningReplica? replica = null)
    {
        using var answer = await (replica ?? _replica).Client.GetAsync(ReplicaProtocol.RequestsPath + Id, Stop);
        return answer.StatusCode == HttpStatusCode.NotFound ? null : await answer.EnsureSuccessStatusCode().Content.ReadAsStringAsync(Stop);
    }
}
