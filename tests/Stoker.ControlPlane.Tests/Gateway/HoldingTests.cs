using System.Net;
using System.Text.Json.Nodes;
using Stoker.Api.Replicas;
using Stoker.ControlPlane.Routing;
using Stoker.Testing;
using static Stoker.ControlPlane.Tests.Gateway.HoldWorld;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>Requests for a deployment without a ready replica: held, answered, refused, given up.</summary>
public sealed class HoldingTests : IAsyncLifetime
{
    private HoldWorld _world = null!;

    public async ValueTask InitializeAsync() => _world = await HoldWorld.StartAsync();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task A_request_is_held_and_answered_when_a_replica_is_ready()
    {
        var call = _world.Ask();
        _world.Advance(60);
        call.Ended.IsCompleted.ShouldBeFalse();
        call.HasStarted.ShouldBeFalse(); // it gets a proper status later

        _world.Publish(Answering());

        await call.Ended;
        (call.StatusCode, call.Text).ShouldBe((200, WholeAnswer.Replace(Inference.Model, Inference.Deployment, StringComparison.Ordinal)));
        call.Headers["fireworks-deployment"].ToString().ShouldBe(Inference.Deployment);
    }

    [Fact]
    public async Task What_the_replica_took_is_told_apart_from_the_hold()
    {
        var call = _world.Ask();
        _world.Advance(60);

        _world.Publish(_world.Replicas.Add(new SlowReplica(_world.Time, TimeSpan.FromSeconds(3)), maxSequences: 8));

        await call.Ended;
        call.StatusCode.ShouldBe(200);
        _world.Host.Log.Lines.ShouldContain(line => line.Contains("replica r began its answer 3000.00 ms after it had the request", StringComparison.Ordinal));
    }

    [Fact]
    public async Task However_many_come_the_deployment_is_woken_once_and_the_load_is_exact()
    {
        var wakes = 0;
        _world.Load.Woke += () => wakes++;

        var calls = Enumerable.Range(0, 50).Select(index => index % 2 == 0 ? _world.Ask() : _world.Stream()).ToList();

        (wakes, _world.Load.Queued, _world.Load.Running).ShouldBe((1, 50, 0));
        calls[3].HangUp();
        await calls[3].Ended;
        _world.Load.Queued.ShouldBe(49);

        _world.Publish(Answering());
        await Task.WhenAll(calls.Select(call => call.Ended));

        (wakes, _world.Load.Queued, _world.Load.Running).ShouldBe((1, 0, 0));
        var seen = _world.Load.Take();
        (seen.Highest, seen.Requests).ShouldBe((50, 50));
    }

    [Fact]
    public async Task The_tokens_of_an_answer_are_counted_streamed_or_whole()
    {
        _world.Publish(Answering());
        await _world.Ask().Ended;
        var whole = _world.Load.Take();
        (whole.Requests, whole.PromptTokens, whole.GeneratedTokens).ShouldBe((1, 3, 5));

        const string Events =
            "data: {\"choices\":[{\"text\":\"say \\\"usage\\\":{\\\"prompt_tokens\\\":9}\"}]}\n\n"
            + "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":11}}\n\ndata: [DONE]\n\n";
        _world.Publish(_world.Replicas.Add(HttpStatusCode.OK, Events, "text/event-stream"));
        await _world.Stream().Ended;
        var streamed = _world.Load.Take();
        (streamed.PromptTokens, streamed.GeneratedTokens).ShouldBe((7, 11));
        (_world.Load.Queued, _world.Load.Running).ShouldBe((0, 0));
    }

    [Fact]
    public async Task A_client_that_asks_for_it_is_rejected_at_once_in_the_hosted_words_and_wakes_the_deployment()
    {
        var wakes = 0;
        _world.Load.Woke += () => wakes++;

        var call = _world.Stream(("x-stoker-cold-start", "reject"));

        await call.Ended;
        call.StatusCode.ShouldBe(503);
        JsonNode.DeepEquals(JsonNode.Parse(call.Text), JsonNode.Parse("""
            {"error":{"message":"Deployment is currently scaled to zero and is scaling up. Please retry your request in a few minutes.",
             "code":"DEPLOYMENT_SCALING_UP","type":"error"}}
            """)).ShouldBeTrue(call.Text);
        call.Headers.RetryAfter.ToString().ShouldBe("60"); // nothing was ever started here
        (wakes, _world.Load.Queued, _world.Load.Take().Requests).ShouldBe((1, 0, 1));
    }

    [Theory]
    [InlineData("later")]
    [InlineData("")]
    [InlineData("Reject")]
    public async Task Another_wish_than_hold_or_reject_is_refused(string wish)
    {
        var call = _world.Ask(headers: ("x-stoker-cold-start", wish));
        await call.Ended;
        call.StatusCode.ShouldBe(400);
        ErrorOf(call)["param"]!.GetValue<string>().ShouldBe("x-stoker-cold-start");
        _world.Load.Queued.ShouldBe(0);
    }

    [Fact]
    public async Task A_request_that_would_be_refused_anyway_is_never_held()
    {
        (string Body, (string, string)[] Headers, int Status)[] refused =
        [
            ($$"""{"model":"{{Inference.Deployment}}","prompt":"x"}""", [("Authorization", "Bearer wrong")], 401),
            ("""{"model":"accounts/default/deployments/other","prompt":"x"}""", [], 404),
            ($$"""{"model":"{{Inference.Deployment}}","unheard_of":1}""", [], 400),
            ("""{"prompt":"x"}""", [], 400),
        ];
        foreach (var (body, headers, status) in refused)
        {
            var call = _world.Ask(body, headers);
            await call.Ended;
            call.StatusCode.ShouldBe(status, call.Text);
        }

        _world.Load.Take().Requests.ShouldBe(0);
    }

    [Theory]
    [InlineData(Waiting.Failed, "DEPLOYMENT_FAILED")]
    [InlineData(Waiting.Parked, "DEPLOYMENT_PARKED")]
    [InlineData(Waiting.Deleting, "DEPLOYMENT_DELETING")]
    public async Task Where_no_replica_will_come_nothing_is_held_and_held_ones_are_told(Waiting waiting, string code)
    {
        var (held, stream) = (_world.Ask(), _world.Stream());

        _world.Publish(route => route with { Waiting = waiting, Detail = "the last words" });
        await Task.WhenAll(held.Ended, stream.Ended);
        var later = _world.Ask();
        await later.Ended;

        (held.StatusCode, later.StatusCode).ShouldBe((503, 503));
        ErrorOf(later)["code"]!.GetValue<string>().ShouldBe(code);
        held.Text.ShouldBe(later.Text);
        stream.Data.ShouldBe([later.Text]); // the body that its status would have had, and no [DONE]
        stream.Text.ShouldEndWith("\n\n");
        (_world.Load.Queued, _world.Load.Running).ShouldBe((0, 0));
    }

    [Fact]
    public async Task A_deployment_that_goes_away_is_told_as_one_that_is_not_there()
    {
        var held = _world.Ask();
        _world.Host.Routing.Publish(new RoutingTable([]));
        await held.Ended;
        held.StatusCode.ShouldBe(404);
    }

    [Fact]
    public async Task A_deployment_that_waits_for_capacity_is_waited_for()
    {
        _world.Publish(route => route with { Waiting = Waiting.Capacity });
        var held = _world.Ask();
        var rejected = _world.Ask(headers: ("x-stoker-cold-start", "reject"));
        await rejected.Ended;
        ErrorOf(rejected)["code"]!.GetValue<string>().ShouldBe("DEPLOYMENT_WAITS_FOR_CAPACITY");
        _world.Publish(Answering());
        await held.Ended;
        held.StatusCode.ShouldBe(200);
    }

    [Fact]
    public async Task The_queue_is_bounded_in_count_exactly()
    {
        _world.Publish(route => route with { Hold = new(MaxRequests: 3) });
        var calls = Enumerable.Range(0, 4).Select(_ => _world.Ask()).ToList();

        await calls[3].Ended;

        calls.Take(3).ShouldAllBe(call => !call.Ended.IsCompleted);
        calls[3].StatusCode.ShouldBe(429);
        var error = ErrorOf(calls[3]);
        error["code"]!.GetValue<string>().ShouldBe("HOLD_QUEUE_FULL");
        error["message"]!.GetValue<string>().ShouldContain("3 requests wait already");
        int.Parse(calls[3].Headers.RetryAfter.ToString(), System.Globalization.CultureInfo.InvariantCulture).ShouldBeInRange(1, 60);
        _world.Load.Queued.ShouldBe(3);

        calls[1].HangUp(); // makes room at once
        await calls[1].Ended;
        var next = _world.Ask();
        next.Ended.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task The_queue_is_bounded_in_bytes_exactly()
    {
        var body = $$"""{"model":"{{Inference.Deployment}}","prompt":"{{new string('x', 2_000)}}"}""";
        _world.Publish(route => route with { Hold = new(MaxBytes: (2 * body.Length) + 1) });
        var (first, second, third) = (_world.Ask(body), _world.Ask(body), _world.Ask(body));

        await third.Ended;

        (first.Ended.IsCompleted, second.Ended.IsCompleted, third.StatusCode).ShouldBe((false, false, 429));
        ErrorOf(third)["message"]!.GetValue<string>().ShouldContain("stokerHold.maxBytes");
        _world.Queue.Bytes.ShouldBe(2 * body.Length);
    }

    [Fact]
    public async Task A_request_is_held_no_longer_than_its_time()
    {
        _world.Publish(route => route with { Hold = new(Timeout: TimeSpan.FromSeconds(30)), Detail = "the last one said: no" });
        var (call, stream) = (_world.Ask(), _world.Stream());
        _world.Advance(29.999);
        (call.Ended.IsCompleted, stream.Ended.IsCompleted).ShouldBe((false, false));

        _world.Advance(0.001);

        await Task.WhenAll(call.Ended, stream.Ended);
        call.StatusCode.ShouldBe(503);
        call.Headers.RetryAfter.ToString().ShouldNotBeEmpty();
        var error = ErrorOf(call);
        error["code"]!.GetValue<string>().ShouldBe("DEPLOYMENT_SCALING_UP");
        error["message"]!.GetValue<string>().ShouldContain("within 30s");
        error["message"]!.GetValue<string>().ShouldContain("the last one said: no");
        stream.Data.ShouldBe([call.Text]);
        (_world.Load.Queued, _world.Queue.Count, _world.Queue.Bytes).ShouldBe((0, 0, 0));
    }

    [Fact]
    public async Task A_client_that_hangs_up_leaves_the_queue_at_once_and_its_turn_goes_to_the_next()
    {
        var (first, second) = (_world.Stream(), _world.Ask());

        first.HangUp();

        await first.Ended;
        (_world.Queue.Count, _world.Load.Queued).ShouldBe((1, 1));
        (await _world.Host.RequestEndedAsync()).ShouldBe("client_gone");
        _world.Publish(Answering());
        await second.Ended;
        second.StatusCode.ShouldBe(200);
    }

    [Fact]
    public async Task A_client_that_does_not_read_its_comments_is_cut_and_holds_no_place()
    {
        var lazy = _world.Stream();
        lazy.IsStalled = true;
        _world.Advance(5); // the next comment
        _world.Advance(31); // and the longest that a write may wait

        await lazy.Ended;

        lazy.WasAborted.ShouldBeTrue();
        (_world.Queue.Count, _world.Load.Queued).ShouldBe((0, 0));
    }

    [Fact]
    public async Task A_server_that_stops_lets_held_requests_go_with_an_error()
    {
        var (call, stream) = (_world.Ask(), _world.Stream());

        DirectCall.Inline(_world.Host.App.Lifetime.StopApplication);

        await Task.WhenAll(call.Ended, stream.Ended);
        (call.StatusCode, ErrorOf(call)["code"]!.GetValue<string>()).ShouldBe((503, "SERVER_STOPPING"));
        stream.Data.ShouldBe([call.Text]);
        _world.Load.Queued.ShouldBe(0);
    }

    [Fact]
    public async Task Every_hold_is_counted_by_what_became_of_it()
    {
        _world.Publish(route => route with { Hold = new(MaxRequests: 1, Timeout: TimeSpan.FromSeconds(1)) });
        var seen = new List<string>();
        async Task ExpectAsync(DirectCall call, params string[] outcomes)
        {
            await call.Ended;
            foreach (var _ in outcomes) seen.Add(await _world.NextAsync());
            seen.TakeLast(outcomes.Length).ShouldBe(outcomes);
        }

        await ExpectAsync(_world.Ask(headers: ("x-stoker-cold-start", "reject")), "rejected");
        var held = _world.Ask();
        seen.Add(await _world.NextAsync());
        await ExpectAsync(_world.Ask(), "queue_full");
        _world.Advance(1);
        await ExpectAsync(held, "timeout");
        var gone = _world.Ask();
        gone.HangUp();
        await ExpectAsync(gone, "held", "client_gone");
        var failed = _world.Ask();
        _world.Publish(route => route with { Waiting = Waiting.Failed });
        await ExpectAsync(failed, "held", "not_served");
        _world.Publish();
        var answered = _world.Ask();
        _world.Publish(Answering());
        await ExpectAsync(answered, "held", "released");
        DirectCall.Inline(_world.Host.App.Lifetime.StopApplication);
        _world.Publish();
        await ExpectAsync(_world.Ask(), "held", "server_stopping");
    }

    [Fact]
    public async Task Requests_wait_their_turn_while_others_wait_before_them()
    {
        var gate = new GatedReplica();
        var target = _world.Replicas.Add(gate, maxSequences: 2);
        var calls = Enumerable.Range(0, 5).Select(_ => _world.Ask()).ToList();

        _world.Publish(target);
        await gate.ArrivedAsync(2);
        var late = _world.Ask(); // there is a ready replica, but three were here before

        (gate.Arrived, _world.Load.Running, _world.Load.Queued).ShouldBe((2, 2, 4));
        gate.Release(6);
        await Task.WhenAll(calls.Append(late).Select(call => call.Ended));
        gate.MostAtOnce.ShouldBe(2);
        target.InFlight.ShouldBe(0);
    }

    [Fact]
    public async Task What_finds_every_replica_full_goes_to_the_one_that_is_ready_next()
    {
        var (full, other) = (new GatedReplica(), new GatedReplica());
        var (one, two) = (_world.Replicas.Add(full, maxSequences: 1, "one"), _world.Replicas.Add(other, maxSequences: 1, "two"));
        _world.Publish(one);
        var running = _world.Ask();
        await full.ArrivedAsync(1);

        var waiting = _world.Ask();
        (one.InFlight, _world.Load.Running, _world.Load.Queued).ShouldBe((1, 1, 1));
        _world.Publish(one, two);
        await other.ArrivedAsync(1);
        other.Release(1);
        await waiting.Ended;

        (waiting.StatusCode, running.Ended.IsCompleted).ShouldBe((200, false));
        full.Release(1);
        await running.Ended;
    }

    [Fact]
    public async Task A_stream_that_waits_for_a_busy_replica_gets_its_error_as_a_status()
    {
        var gate = new GatedReplica();
        var busy = _world.Replicas.Add(gate, maxSequences: 1, "busy");
        _world.Publish(busy);
        var running = _world.Ask();
        await gate.ArrivedAsync(1);

        var waiting = _world.Stream();
        _world.Advance(3);
        waiting.HasStarted.ShouldBeFalse();
        _world.Publish(busy, _world.Replicas.Add(HttpStatusCode.BadRequest, "{\"error\":{\"message\":\"temperature\"}}", id: "next"));
        await waiting.Ended;

        waiting.StatusCode.ShouldBe(400);
        gate.Release(1);
        await running.Ended;
    }

    [Fact]
    public async Task A_stream_that_waits_for_a_busy_replica_gets_a_sign_of_life_all_the_same()
    {
        var gate = new GatedReplica();
        _world.Publish(_world.Replicas.Add(gate, maxSequences: 1));
        var running = _world.Ask();
        await gate.ArrivedAsync(1);

        var waiting = _world.Stream();
        _world.Advance(4);
        waiting.Comments.ShouldHaveSingleItem().ShouldEndWith("progress=1.00 eta_ms=0 queue=1");
        gate.Release(2);
        await Task.WhenAll(running.Ended, waiting.Ended);
    }

    [Fact]
    public async Task Who_is_not_to_be_held_waits_at_the_busy_replica()
    {
        var gate = new GatedReplica();
        _world.Publish(_world.Replicas.Add(gate, maxSequences: 1));
        var calls = new List<DirectCall> { _world.Ask(), _world.Ask() };
        await gate.ArrivedAsync(1);

        calls.Add(_world.Ask(headers: ("x-stoker-cold-start", "reject")));
        await gate.ArrivedAsync(1);
        (_world.Load.Running, _world.Load.Queued).ShouldBe((2, 1));
        gate.Release(3);
        await Task.WhenAll(calls.Select(call => call.Ended));
        calls.ShouldAllBe(call => call.StatusCode == 200);
    }

    [Fact]
    public async Task A_replica_that_ends_turns_a_request_away_which_then_waits_for_the_next_one()
    {
        var ending = _world.Replicas.Add(
            HttpStatusCode.ServiceUnavailable, """{"error":{"message":"draining"}}""", id: "ending", header: ReplicaProtocol.TurnedAwayHeader);
        _world.Publish(ending);
        var call = _world.Ask();
        (await _world.NextAsync()).ShouldBe("held"); // it went there and came back

        call.Ended.IsCompleted.ShouldBeFalse();
        (_world.Load.Queued, _world.Load.Running).ShouldBe((1, 0));
        _world.Publish(ending, Answering());
        await call.Ended;

        call.StatusCode.ShouldBe(200);
        (_world.Load.Queued, _world.Load.Running, ending.InFlight).ShouldBe((0, 0, 0));
        _world.Load.Take().Requests.ShouldBe(1);
    }

    [Fact]
    public async Task A_replica_that_is_gone_from_the_table_when_it_cannot_be_reached_has_ended_in_good_order()
    {
        var gone = new GatedReplica(() => throw new HttpRequestException(HttpRequestError.ConnectionError, "refused"));
        _world.Publish(_world.Replicas.Add(gone, maxSequences: 1));
        var call = _world.Ask();
        await gone.ArrivedAsync(1);
        _world.Publish();
        gone.Release(1);
        (await _world.NextAsync()).ShouldBe("held");

        _world.Publish(Answering("next"));

        await call.Ended;
        call.StatusCode.ShouldBe(200);
    }

    private ReplicaTarget Answering(string id = "r") => _world.Replicas.Add(new AnsweringReplica(), maxSequences: 8, id);

    private static JsonNode ErrorOf(DirectCall call) => JsonNode.Parse(call.Text)!["error"]!;

    /// <summary>Reads the request, and answers after a while of the world's clock.</summary>
    private sealed class SlowReplica(ManualTime time, TimeSpan takes) : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            await request.Content!.CopyToAsync(Stream.Null, cancellationToken);
            time.Advance(takes);
            return new(HttpStatusCode.OK) { Content = new StringContent(WholeAnswer, System.Text.Encoding.UTF8, "application/json") };
        }
    }
}
