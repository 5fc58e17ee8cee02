using System.Text.Json.Nodes;
using Stoker.Api.Replicas;

namespace Stoker.Replica.Tests.Endpoints;

/// <summary>What a gateway asks and gets that goes on with streams elsewhere.</summary>
public sealed class ResumeTests : IAsyncLifetime
{
    private const string Text = "/v1/completions";
    private const string Greedy = "\"prompt\":\"Once upon\",\"temperature\":0,\"stream\":true";

    private RunningReplica _replica = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _replica = await (await RunningReplica.StartAsync()).LoadedAsync();

    public ValueTask DisposeAsync() => _replica.DisposeAsync();

    [Fact]
    public async Task Nobody_is_told_tokens_who_does_not_ask()
    {
        var (said, frames) = await StreamAsync(Greedy, resume: null);
        said.ShouldBeNull();
        frames.ShouldAllBe(frame => frame.StartsWith("data: "));
    }

    [Fact]
    public async Task Who_asks_gets_the_same_events_with_a_line_before_each_that_has_tokens()
    {
        var (_, plain) = await StreamAsync(Greedy + ",\"return_token_ids\":true", resume: null);
        var (said, frames) = await StreamAsync(Greedy + ",\"return_token_ids\":true", resume: "0");

        said!.ShouldMatch("^created=[0-9]+;cached=0;limit=2048$");
        frames.Select(WithoutMark).Select(Events).ShouldBe(plain.Select(Events));
        foreach (var frame in frames.SkipLast(1))
        {
            var ids = JsonNode.Parse(WithoutMark(frame)["data: ".Length..])!["choices"]![0]!["token_ids"]!.AsArray();
            Mark(frame).ShouldBe(string.Join(',', ids.Select(id => id!.GetValue<int>())));
        }
    }

    [Theory]
    [InlineData("\"prompt\":\"x\",\"stream\":true", "no=sampled")]
    [InlineData("\"prompt\":\"x\",\"stream\":true,\"temperature\":0.5", "no=sampled")]
    [InlineData("\"prompt\":\"x\",\"stream\":true,\"temperature\":0.5,\"seed\":1", "created=")]
    [InlineData("\"prompt\":\"x\",\"stream\":true,\"temperature\":0,\"n\":2", "no=choices")]
    [InlineData("\"prompt\":[\"x\",\"y\"],\"stream\":true,\"temperature\":0", "no=choices")]
    public async Task It_says_whether_another_replica_would_give_the_same(string fields, string says)
    {
        var (said, frames) = await StreamAsync(fields, resume: "0");
        said!.ShouldStartWith(says);
        frames.Any(frame => frame.StartsWith(":stoker-tokens ")).ShouldBe(!says.StartsWith("no="));
    }

    [Theory]
    [InlineData("")]
    [InlineData(",\"max_tokens\":6,\"stream_options\":{\"include_usage\":true}")]
    [InlineData(",\"logprobs\":1,\"raw_output\":true")]
    [InlineData(",\"min_tokens\":24")]
    public async Task After_every_event_the_rest_comes_from_another_replica(string more)
    {
        await using var other = await (await RunningReplica.StartAsync()).LoadedAsync();
        var (said, frames) = await StreamAsync(Greedy + more, resume: "0");
        var created = said!.Split(';')[0]["created=".Length..];
        var tokens = "";
        for (var index = 0; index < frames.Count && Mark(frames[index]) is { } mark; index++)
        {
            tokens += (tokens.Length > 0 ? "," : "") + mark;
            var (_, rest) = await StreamAsync($"{Greedy}{more},\"stoker_resume\":[{tokens}]", $"{index + 1};{said}", other);
            rest.ShouldAllBe(frame => !frame.StartsWith("data: {") || frame.Contains($"\"created\":{created},"));
            rest.Select(Events).ShouldBe(frames.Skip(index + 1).Select(Events));
        }

        tokens.ShouldNotBeEmpty();
    }

    [Fact]
    public async Task Usage_says_what_the_first_replicas_cache_had()
    {
        await using var warm = await (await RunningReplica.StartAsync(RunningReplica.Fast with { PrefixCacheTokens = 1000 })).LoadedAsync();
        var ask = Greedy.Replace("Once upon", new string('x', 40));
        await StreamAsync(ask, "0", warm);
        var (said, frames) = await StreamAsync(ask, "0", warm);
        said!.ShouldContain("cached=32");

        var (_, rest) = await StreamAsync($"{ask},\"stoker_resume\":[{Mark(frames[0])}]", "1;" + said);

        rest.Select(Events).ShouldBe(frames.Skip(1).Select(Events));
        rest[^2].ShouldContain("\"cached_tokens\":32");
    }

    [Theory]
    [InlineData(Greedy + ",\"stoker_resume\":[1]", null, "stoker_resume")]
    [InlineData(Greedy + ",\"stoker_resume\":[1]", "0", ReplicaProtocol.ResumeHeader)]
    [InlineData(Greedy + ",\"stoker_resume\":[1]", "1", ReplicaProtocol.ResumeHeader)]
    [InlineData(Greedy + ",\"stoker_resume\":[1]", "1;created=1;cached=0", ReplicaProtocol.ResumeHeader)]
    [InlineData(Greedy + ",\"stoker_resume\":[1]", "1;created=1;cached=-1;limit=9", ReplicaProtocol.ResumeHeader)]
    [InlineData(Greedy + ",\"stoker_resume\":[1]", "x;created=1;cached=0;limit=9", ReplicaProtocol.ResumeHeader)]
    [InlineData(Greedy + ",\"stoker_resume\":[-1]", "1;created=1;cached=0;limit=9", "stoker_resume[0]")]
    [InlineData(Greedy + ",\"stoker_resume\":7", "1;created=1;cached=0;limit=9", "stoker_resume")]
    [InlineData("\"prompt\":\"x\",\"temperature\":0", "0", ReplicaProtocol.ResumeHeader)]
    [InlineData("\"prompt\":\"x\",\"stream\":true,\"stoker_resume\":[1]", "1;created=1;cached=0;limit=9", ReplicaProtocol.ResumeHeader)]
    [InlineData(Greedy + ",\"n\":2,\"stoker_resume\":[1]", "1;created=1;cached=0;limit=9", ReplicaProtocol.ResumeHeader)]
    public async Task What_does_not_fit_is_refused_by_name(string fields, string? resume, string parameter)
    {
        using var response = await SendAsync(fields, resume, _replica);
        ((int)response.StatusCode).ShouldBe(400);
        JsonNode.Parse(await response.Content.ReadAsStringAsync(Stop))!["error"]!["param"]!.GetValue<string>().ShouldBe(parameter);
    }

    private static async Task<HttpResponseMessage> SendAsync(string fields, string? resume, RunningReplica replica)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Text) { Content = new StringContent($$"""{"model":"sim",{{fields}}}""") };
        request.Headers.Add(ReplicaProtocol.RequestIdHeader, "one");
        if (resume is not null) request.Headers.TryAddWithoutValidation(ReplicaProtocol.ResumeHeader, resume);
        return await replica.Client.SendAsync(request, Stop);
    }

    private async Task<(string? Said, List<string> Frames)> StreamAsync(string fields, string? resume, RunningReplica? replica = null)
    {
        using var response = await SendAsync(fields, resume, replica ?? _replica);
        var body = await response.Content.ReadAsStringAsync(Stop);
        ((int)response.StatusCode).ShouldBe(200, body);
        var said = response.Headers.TryGetValues(ReplicaProtocol.ResumeHeader, out var values) ? values.Single() : null;
        return (said, [.. body.Split("\n\n", StringSplitOptions.RemoveEmptyEntries)]);
    }

    private static string? Mark(string frame) =>
        frame.StartsWith(":stoker-tokens ") ? frame.Split('\n')[0][":stoker-tokens ".Length..] : null;

    private static string WithoutMark(string frame) => Mark(frame) is null ? frame : frame[(frame.IndexOf('\n') + 1)..];

    /// <summary>A frame without its second, which may pass between two requests.</summary>
    private static string Events(string frame) => System.Text.RegularExpressions.Regex.Replace(frame, "\"created\":[0-9]+", "\"created\":0");
}
