using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Http;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Routing;
using Stoker.ControlPlane.Tests.Routing;
using static Stoker.ControlPlane.Tests.Gateway.Inference;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>
/// Replicas that die, lie, or are not there; and clients that leave. Whatever happens, no place on a replica stays
/// taken.
/// </summary>
public sealed class FailingReplicaTests : IAsyncLifetime
{
    private const string Event = "data: {\"choices\":[{\"text\":\"a\"}]}\n\n";
    private const string Answer = """{"choices":[]}""";

    private const string BrokeOff =
        "data: {\"error\":{\"message\":\"The replica failed while it worked on the request: send it again\",\"code\":\"UPSTREAM_FAILED\",\"type\":\"error\"}}\n\n";

    private GatewayHost _host = null!;
    private HttpClient _client = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _host = await GatewayHost.StartAsync(null, "Stoker:Gateway:MaxEventBytes=32768", "Stoker:Gateway:MaxAnswerBytes=32768", "Stoker:Gateway:SlowReaderTimeout=00:00:01");
        _client = _host.Admin();
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _host.DisposeAsync();
    }

    [Fact]
    public async Task A_replica_that_ends_a_stream_without_done_gives_an_error_event()
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Streaming(Event, Event));
        _host.Serve(replica.Target);

        using var answer = await _client.StreamAsync();

        (await answer.TextAsync()).ShouldBe(Event + Event + BrokeOff);
        await EndedAsync(replica);
    }

    [Theory]
    [InlineData("")]
    [InlineData("data: {\"choices\":[{\"te")] // half an event is not passed on
    [InlineData("data: {}\n")]
    public async Task A_replica_that_is_killed_in_a_stream_gives_an_error_event_and_no_done(string lastPiece)
    {
        var clientHasIt = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Dying(Event, clientHasIt.Task, lastPiece));
        _host.Serve(replica.Target);

        using var answer = await _client.StreamAsync();

        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        using var reader = await answer.ReaderAsync();
        $"{await reader.ReadLineAsync(Cancellation)}\n{await reader.ReadLineAsync(Cancellation)}\n".ShouldBe(Event);
        clientHasIt.SetResult();
        (await reader.ReadToEndAsync(Cancellation)).ShouldBe(BrokeOff);
        await EndedAsync(replica);
    }

    [Fact]
    public async Task A_replicas_own_error_event_is_the_last_one()
    {
        const string Error = "data: {\"error\":{\"message\":\"m\",\"code\":\"c\",\"type\":\"error\"}}\n\n";
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Streaming(Event, Error));
        _host.Serve(replica.Target);

        using var answer = await _client.StreamAsync();

        (await answer.TextAsync()).ShouldBe(Event + Error);
        await EndedAsync(replica);
    }

    [Fact]
    public async Task A_replica_that_dies_before_the_first_event_gives_a_proper_status()
    {
        await using var replica = await FakeReplica.StartAsync(async context =>
        {
            FakeReplica.BeginStream(context);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            context.Abort();
        });
        _host.Serve(replica.Target);

        using var answer = await _client.StreamAsync();

        (await answer.ErrorAsync(502)).GetProperty("code").GetString().ShouldBe("UPSTREAM_FAILED");
        answer.Headers.RetryAfter.ShouldNotBeNull();
        await EndedAsync(replica);
    }

    [Theory]
    [InlineData(BrokenStreams.Resume, 3)] // it may be what kills them: not all
    [InlineData(BrokenStreams.Error, 1)]
    public async Task A_request_whose_client_has_nothing_yet_is_run_twice_more_where_the_deployment_lets_it(BrokenStreams policy, int runs)
    {
        Func<HttpContext, Task> dying = context =>
        {
            context.Abort();
            return Task.CompletedTask;
        };
        await using var one = await FakeReplica.StartAsync(dying);
        await using var two = await FakeReplica.StartAsync(dying);
        await using var three = await FakeReplica.StartAsync(dying);
        await using var four = await FakeReplica.StartAsync(dying);
        _host.Routing.Publish(new([_host.Serve(one.Target, two.Target, three.Target, four.Target) with { BrokenStreams = policy }]));

        using var answer = await _client.CompleteAsync();

        await answer.ErrorAsync(502);
        answer.Headers.RetryAfter.ShouldNotBeNull();
        (one.Requests + two.Requests + three.Requests + four.Requests).ShouldBe(runs);
        await EndedAsync(one, two, three, four);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_replica_that_fails_before_the_first_event_is_made_good_by_another(bool stream)
    {
        var behaviour = FakeReplica.Answering(Answer);
        if (stream) behaviour = FakeReplica.Streaming(Event, "data: [DONE]\n\n");
        await using var dying = await FakeReplica.StartAsync(context =>
        {
            context.Abort();
            return Task.CompletedTask;
        });
        await using var well = await FakeReplica.StartAsync(behaviour);
        _host.Serve(dying.Target, well.Target);

        using var answer = stream ? await _client.StreamAsync() : await _client.CompleteAsync();

        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await answer.TextAsync()).ShouldBe(stream ? Event + "data: [DONE]\n\n" : Answer);
        (dying.Requests, well.Requests).ShouldBe((1, 1));
        await EndedAsync(dying, well);
    }

    [Fact]
    public async Task A_replica_that_cannot_be_reached_is_passed_over_once()
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Answering(Answer));
        var gone = FakeReplica.Gone();
        _host.Serve(gone, replica.Target);

        for (var request = 0; request < 2; request++)
        {
            using var answer = await _client.CompleteAsync();
            answer.StatusCode.ShouldBe(HttpStatusCode.OK);
            await EndedAsync(replica);
        }

        gone.InFlight.ShouldBe(0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task When_no_replica_can_be_reached_a_client_that_is_not_to_be_held_is_told_to_come_back(int count)
    {
        var route = _host.Serve([.. Enumerable.Range(0, count).Select(_ => FakeReplica.Gone())]);
        _client.DefaultRequestHeaders.Add("x-stoker-cold-start", "reject");

        using var answer = await _client.CompleteAsync();

        (await answer.ErrorAsync(503)).GetProperty("code").GetString().ShouldBe("UPSTREAM_UNREACHABLE");
        answer.Headers.RetryAfter.ShouldNotBeNull();
        (await _host.RequestEndedAsync()).ShouldBe("UPSTREAM_UNREACHABLE");
        route.Ready.ShouldAllBe(target => target.InFlight == 0);
    }

    [Theory]
    [InlineData(400, """{"error":{"message":"temperature must be at most 2","param":"temperature","code":"INVALID_ARGUMENT","type":"error"}}""")]
    [InlineData(429, """{"error":{"message":"full"}}""")]
    [InlineData(500, """ {"x":[1],"error":{"message":"engine"}} """)]
    [InlineData(503, """{"error":{"message":"draining"}}""")]
    public async Task A_replicas_refusal_reaches_the_client_as_it_is(int status, string body)
    {
        await using var replica = await FakeReplica.StartAsync(async context =>
        {
            context.Response.Headers.RetryAfter = "7";
            await FakeReplica.Answering(body, status)(context);
        });
        _host.Serve(replica.Target);

        using var answer = await _client.StreamAsync();

        ((int)answer.StatusCode).ShouldBe(status);
        (await answer.TextAsync()).ShouldBe(body);
        answer.Header("Retry-After").ShouldBe("7");
        await EndedAsync(replica);
    }

    [Theory]
    [InlineData(200, "", "application/json", false)]
    [InlineData(200, "{", "application/json", false)]
    [InlineData(200, "<html>", "text/html", false)]
    [InlineData(200, "[]", "application/json", false)]
    [InlineData(200, """{"a":1}{"b":2}""", "application/json", false)]
    [InlineData(200, Answer, "application/json", true)] // a stream was asked for
    [InlineData(200, "data: [DONE]\n\n", "text/event-stream", false)] // none was
    [InlineData(204, "", null, false)]
    [InlineData(302, "", null, false)]
    [InlineData(401, """{"error":{"message":"who are you"}}""", "application/json", false)]
    [InlineData(403, """{"error":{"message":"no"}}""", "application/json", false)]
    [InlineData(500, "<html>", "text/html", false)]
    [InlineData(500, """{"error":"flat"}""", "application/json", false)]
    public async Task An_answer_that_is_none_becomes_502(int status, string body, string? type, bool stream)
    {
        await using var replica = await FakeReplica.StartAsync(async context =>
        {
            context.Response.StatusCode = status;
            context.Response.ContentType = type;
            if (body.Length > 0) await context.Response.WriteAsync(body, context.RequestAborted);
        });
        _host.Serve(replica.Target);

        using var answer = stream ? await _client.StreamAsync() : await _client.CompleteAsync();

        (await answer.ErrorAsync(502)).GetProperty("code").GetString().ShouldBe("UPSTREAM_FAILED");
        await EndedAsync(replica);
    }

    [Fact]
    public async Task A_whole_answer_that_breaks_off_halfway_becomes_502()
    {
        await using var replica = await FakeReplica.StartAsync(async context =>
        {
            context.Response.ContentType = "application/json";
            context.Response.ContentLength = 1_000;
            await FakeReplica.SendAsync(context, """{"choices":[""");
            context.Abort();
        });
        _host.Serve(replica.Target);

        using var answer = await _client.CompleteAsync();

        await answer.ErrorAsync(502);
        await EndedAsync(replica);
    }

    [Fact]
    public async Task What_is_larger_than_allowed_is_cut_with_an_error()
    {
        var huge = new string('x', 40_000);
        await using var streaming = await FakeReplica.StartAsync(FakeReplica.Streaming(Event, $"data: {huge}\n\n", "data: [DONE]\n\n"));
        _host.Serve(streaming.Target);
        using (var answer = await _client.StreamAsync()) (await answer.TextAsync()).ShouldStartWith(Event + "data: {\"error\":{\"message\":\"The answer is larger");
        await EndedAsync(streaming);

        await using var whole = await FakeReplica.StartAsync(FakeReplica.Answering($$"""{"x":"{{huge}}"}"""));
        _host.Serve(whole.Target);
        using (var answer = await _client.CompleteAsync()) (await answer.ErrorAsync(502)).GetProperty("code").GetString().ShouldBe("ANSWER_TOO_LARGE");
        await EndedAsync(whole);
    }

    [Fact]
    public async Task A_client_that_hangs_up_in_a_stream_ends_the_replicas_work()
    {
        await using var replica = await FakeReplica.StartAsync(async context =>
        {
            FakeReplica.BeginStream(context);
            await FakeReplica.SendAsync(context, Event);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        _host.Serve(replica.Target);
        using (var answer = await _client.StreamAsync())
        using (var reader = await answer.ReaderAsync())
        {
            await reader.ReadLineAsync(Cancellation);
        }

        await replica.HungUp.WaitAsync(Cancellation);
        await EndedAsync(replica);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_client_that_hangs_up_before_the_answer_ends_the_replicas_work(bool stream)
    {
        await using var replica = await FakeReplica.StartAsync(context => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted));
        _host.Serve(replica.Target);
        using (var hangUp = CancellationTokenSource.CreateLinkedTokenSource(Cancellation))
        {
            var body = $$"""{"model":"{{Model}}","prompt":"x","stream":{{(stream ? "true" : "false")}}}""";
            var call = _client.PostAsync(Completions, GatewayHost.Json(body), hangUp.Token);
            await replica.Received.WaitAsync(Cancellation);
            await hangUp.CancelAsync();
            await Should.ThrowAsync<OperationCanceledException>(call);
        }

        await replica.HungUp.WaitAsync(Cancellation);
        (await _host.RequestEndedAsync()).ShouldBe("client_gone");
        replica.Target.InFlight.ShouldBe(0);
    }

    [Fact]
    public async Task A_client_that_does_not_read_has_its_own_request_cancelled_and_no_other()
    {
        var flood = "data: " + new string('x', 16_000) + "\n\n";
        await using var replica = await FakeReplica.StartAsync(async context =>
        {
            FakeReplica.BeginStream(context);
            while (true) await FakeReplica.SendAsync(context, flood);
        });
        _host.Serve(replica.Target);
        using var lazy = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4_096 };
        await lazy.ConnectAsync(IPAddress.Loopback, _host.Url.Port, Cancellation);
        await lazy.SendAsync(Encoding.ASCII.GetBytes(RawRequest("""{"model":"fireworks/story-3m","prompt":"x","stream":true}""", _host.AdminKey)), Cancellation);
        await replica.Received.WaitAsync(Cancellation);

        await replica.HungUp.WaitAsync(Cancellation); // and all the while the client read nothing
        await EndedAsync(replica);

        await using var other = await FakeReplica.StartAsync(FakeReplica.Answering(Answer));
        _host.Serve(other.Target);
        using var answer = await _client.CompleteAsync();
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_client_that_does_not_take_a_whole_answer_holds_no_place_on_the_replica_and_is_cut()
    {
        await using var host = await GatewayHost.StartAsync(null, "Stoker:Gateway:SlowReaderTimeout=00:00:01");
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Answering($$"""{"x":"{{new string('x', 32 << 20)}}"}"""));
        host.Serve(replica.Target);
        using var lazy = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4_096 };
        await lazy.ConnectAsync(IPAddress.Loopback, host.Url.Port, Cancellation);
        await lazy.SendAsync(
            Encoding.ASCII.GetBytes(RawRequest("""{"model":"fireworks/story-3m","prompt":"x"}""", host.AdminKey)), Cancellation);

        await host.RequestEndedAsync(); // and all the while the client read nothing

        replica.Target.InFlight.ShouldBe(0);
    }

    [Theory]
    [InlineData(Waiting.Failed, "DEPLOYMENT_FAILED")]
    [InlineData(Waiting.Parked, "DEPLOYMENT_PARKED")]
    [InlineData(Waiting.Deleting, "DEPLOYMENT_DELETING")]
    public async Task Where_no_replica_will_come_by_itself_the_cause_and_the_next_step_are_told_at_once(Waiting waiting, string code)
    {
        _host.Routing.Publish(new RoutingTable([Routes.To(Deployment, Model) with { Waiting = waiting, Detail = "the last words" }]));

        using var answer = await _client.CompleteAsync($$"""{"model":"{{Deployment}}","prompt":"x"}""");

        var error = await answer.ErrorAsync(503);
        error.GetProperty("code").GetString().ShouldBe(code);
        error.GetProperty("message").GetString()!.ShouldContain(Deployment);
        answer.Headers.RetryAfter!.Delta!.Value.ShouldBeGreaterThan(TimeSpan.Zero);
        using var list = await _client.GetAsync("/v1/models", Cancellation);
        (await list.TextAsync()).Contains(Deployment, StringComparison.Ordinal).ShouldBeFalse();
    }

    [Fact]
    public async Task A_bug_of_ours_is_an_error_with_a_number_and_the_server_goes_on()
    {
        _host.Serve(new ReplicaTarget("no host name at all", null, "/nowhere"));
        using (var answer = await _client.CompleteAsync()) (await answer.ErrorAsync(500)).GetProperty("code").GetString().ShouldBe("INTERNAL");
        _host.Log.Lines.ShouldContain(line => line.StartsWith("Error ", StringComparison.Ordinal) && line.Contains("UriFormatException", StringComparison.Ordinal));

        await using var replica = await FakeReplica.StartAsync(FakeReplica.Answering(Answer));
        _host.Serve(replica.Target);
        using var next = await _client.CompleteAsync();
        next.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    internal static string RawRequest(string body, string key, string? length = null) =>
        $"POST {Completions} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        + $"Content-Length: {length ?? Encoding.UTF8.GetByteCount(body).ToString(System.Globalization.CultureInfo.InvariantCulture)}\r\n\r\n{body}";

    /// <summary>Waits until the gateway has ended the request, and checks that its place is free again.</summary>
    private async Task EndedAsync(params IReadOnlyList<FakeReplica> replicas)
    {
        await _host.RequestEndedAsync();
        replicas.ShouldAllBe(replica => replica.Target.InFlight == 0);
    }
}
