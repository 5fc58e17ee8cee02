using System.Net;
using Stoker.ControlPlane.Routing;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Metering;
using Stoker.ControlPlane.Tests.Routing;
using static Stoker.ControlPlane.Tests.Gateway.Inference;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>However a request ends, it has one row in the token ledger, and had it before its client saw the end.</summary>
public sealed class RequestRowTests : IAsyncLifetime
{
    private const string Event = "data: {\"choices\":[{\"text\":\"a\"}]}\n\n";
    private const string Usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"prompt_tokens_details\":{\"cached_tokens\":2}}}\n\n";
    private const string Done = "data: [DONE]\n\n";
    private const string Answer = """{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":2}}}""";

    private static readonly RequestTokens Told = new(7, 2, 3);

    private readonly MemoryRequestStore _store = new();
    private GatewayHost _host = null!;
    private HttpClient _client = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _host = await GatewayHost.StartAsync(null, null, _store, "Stoker:Gateway:SlowReaderTimeout=00:00:01");
        _client = _host.Admin();
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _host.DisposeAsync();
    }

    [Fact]
    public async Task A_whole_answer_has_its_row_with_who_asked_what_of_whom()
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Answering(Answer));
        _host.Serve(replica.Target);
        using var request = new HttpRequestMessage(HttpMethod.Post, Completions) { Content = GatewayHost.Json($$"""{"model":"{{Model}}","prompt":"x"}""") };
        request.Headers.Add("x-request-id", "mine-1");

        using var answer = await _client.SendAsync(request, Cancellation);

        var row = Row(RequestStatus.Finished, "");
        row.Tokens.ShouldBe(Told);
        (row.Account.ToString(), row.User.ToString()).ShouldBe(("accounts/default", "accounts/default/users/admin"));
        (row.Deployment.ToString(), row.Model.ToString(), row.Addon).ShouldBe((Deployment, Model, null));
        (row.Id, row.ClientId).ShouldBe((answer.Header("x-fireworks-request-id")!, "mine-1"));
        row.ApiKey.ShouldNotBeEmpty();
        _host.AdminKey.ShouldNotContain(row.ApiKey);
        row.FirstToken.ShouldNotBeNull().ShouldBeLessThanOrEqualTo(row.EndTime - row.BeginTime);
    }

    [Fact]
    public async Task The_end_of_a_stream_waits_for_the_commit_and_nothing_before_it_does()
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Streaming(Event, Usage, Done));
        _host.Serve(replica.Target);
        var commit = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _store.Gate = commit.Task;

        using var answer = await _client.StreamAsync();
        using var reader = await answer.ReaderAsync();
        for (var line = 0; line < 4; line++) await reader.ReadLineAsync(Cancellation);
        var end = reader.ReadLineAsync(Cancellation).AsTask();
        end.IsCompleted.ShouldBeFalse();
        _store.Rows.ShouldBeEmpty();
        commit.SetResult();

        (await end).ShouldBe("data: [DONE]");
        Row(RequestStatus.Finished, "").Tokens.ShouldBe(Told);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_client_that_hangs_up_leaves_a_row_with_what_the_replica_says_that_it_had_done(bool known)
    {
        await using var replica = await FakeReplica.StartAsync(async context =>
        {
            await FakeReplica.Streaming(Event)(context);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        _host.Serve(replica.Target);
        if (known) replica.Usage = """{"promptTokens":9,"cachedTokens":4,"generatedTokens":2,"draftedTokens":3,"acceptedTokens":1}""";

        using (var answer = await _client.StreamAsync())
        {
            using var reader = await answer.ReaderAsync();
            await reader.ReadLineAsync(Cancellation);
        }

        (await _host.RequestEndedAsync()).ShouldBe("client_gone");
        var row = Row(RequestStatus.Cancelled, "CLIENT_GONE");
        (row.IsPaid, row.Tokens).ShouldBe((true, known ? new(9, 4, 2, 3, 1) : default));
        replica.Asked.ShouldBe(row.Id);
    }

    [Theory]
    [InlineData("12,7", 12, 7)]
    [InlineData("12", 0, 0)]
    [InlineData("x,y", 0, 0)]
    [InlineData("", 0, 0)]
    public async Task Drafts_of_a_whole_answer_are_in_the_row_and_not_in_the_answer(string said, int drafted, int accepted)
    {
        await using var replica = await FakeReplica.StartAsync(context =>
        {
            context.Response.Headers["x-stoker-drafts"] = said;
            return FakeReplica.Answering(Answer)(context);
        });
        _host.Serve(replica.Target);

        using var answer = await _client.CompleteAsync();

        answer.Header("x-stoker-drafts").ShouldBeNull();
        Row(RequestStatus.Finished, "").Tokens.ShouldBe(Told with { Drafted = drafted, Accepted = accepted });
    }

    [Theory]
    [InlineData("")]
    [InlineData(":stoker-tokens 5,6\n")]
    public async Task Drafts_of_a_stream_are_in_the_row_and_not_in_the_stream(string tokens)
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Streaming(Event, $"{tokens}:stoker-drafts 12,7\n{Usage}", Done));
        _host.Serve(replica.Target);

        using var answer = await _client.StreamAsync();

        (await answer.TextAsync()).ShouldBe(Event + Usage + Done);
        Row(RequestStatus.Finished, "").Tokens.ShouldBe(Told with { Drafted = 12, Accepted = 7 });
    }

    [Fact]
    public async Task A_stream_whose_replica_breaks_off_failed_before_its_client_knew()
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Streaming(Event));
        _host.Serve(replica.Target);

        using var answer = await _client.StreamAsync();

        (await answer.TextAsync()).ShouldContain("UPSTREAM_FAILED");
        Row(RequestStatus.Failed, "UPSTREAM_FAILED").IsPaid.ShouldBeFalse();
    }

    [Fact]
    public async Task A_stream_that_ends_with_the_replicas_own_error_failed()
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Streaming(Event, "data: {\"error\":{\"message\":\"m\",\"code\":\"c\",\"type\":\"error\"}}\n\n"));
        _host.Serve(replica.Target);

        using var answer = await _client.StreamAsync();

        (await answer.TextAsync()).ShouldContain("\"code\":\"c\"");
        Row(RequestStatus.Failed, "REPLICA_ERROR");
    }

    [Theory]
    [InlineData(400, RequestStatus.Refused)]
    [InlineData(503, RequestStatus.Failed)]
    public async Task A_replicas_refusal_is_the_clients_and_a_failure_is_not(int status, RequestStatus expected)
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Answering("""{"error":{"message":"m","code":"c","type":"error"}}""", status));
        _host.Serve(replica.Target);

        using var answer = await _client.CompleteAsync();

        ((int)answer.StatusCode).ShouldBe(status);
        Row(expected, $"REPLICA_{status}");
    }

    [Fact]
    public async Task A_replica_that_dies_before_any_answer_makes_a_failed_row()
    {
        await using var replica = await FakeReplica.StartAsync(context =>
        {
            context.Abort();
            return Task.CompletedTask;
        });
        _host.Serve(replica.Target);

        using var answer = await _client.CompleteAsync($$"""{"model":"{{Model}}","prompt":"x"}""");

        await answer.ErrorAsync(502);
        Row(RequestStatus.Failed, "UPSTREAM_FAILED").FirstToken.ShouldBeNull();
    }

    [Fact]
    public async Task A_request_that_finds_no_place_is_refused_and_says_why()
    {
        _host.Routing.Publish(new RoutingTable([Routes.To(Deployment, Model, []) with { Waiting = Waiting.Parked }]));

        using var answer = await _client.CompleteAsync();

        await answer.ErrorAsync(503);
        var row = Row(RequestStatus.Refused, "DEPLOYMENT_PARKED");
        (row.Tokens, row.FirstToken).ShouldBe((default, null));
    }

    [Fact]
    public async Task What_finds_no_deployment_has_no_row()
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Answering(Answer));
        _host.Serve(replica.Target);
        using var stranger = _host.Client("fw_wrong");

        (await stranger.CompleteAsync()).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await _client.CompleteAsync("""{"model":"accounts/x/models/y","prompt":"x"}""")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await _client.CompleteAsync("no json")).StatusCode.ShouldBe(HttpStatusCode.BadRequest);

        _store.Rows.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_clients_id_that_comes_twice_makes_two_rows()
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Answering(Answer));
        _host.Serve(replica.Target);
        _client.DefaultRequestHeaders.Add("x-request-id", "same");

        for (var i = 0; i < 2; i++) (await _client.CompleteAsync()).EnsureSuccessStatusCode();

        _store.Rows.Select(row => row.ClientId).ShouldBe(["same", "same"]);
        _store.Rows.Select(row => row.Id).Distinct().Count().ShouldBe(2);
    }

    [Fact]
    public async Task While_the_ledger_is_full_clients_have_their_answers()
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Answering(Answer));
        _host.Serve(replica.Target);
        _store.IsFull = true;
        (await _client.CompleteAsync()).EnsureSuccessStatusCode();
        _store.Rows.ShouldBeEmpty();

        _store.IsFull = false;
        (await _client.CompleteAsync()).EnsureSuccessStatusCode();

        _store.Rows.Count(row => row.Tokens == Told).ShouldBe(2);
    }

    private RequestRow Row(RequestStatus status, string reason)
    {
        var row = _store.Rows.ShouldHaveSingleItem();
        (row.Status, row.Reason).ShouldBe((status, reason));
        return row;
    }
}
