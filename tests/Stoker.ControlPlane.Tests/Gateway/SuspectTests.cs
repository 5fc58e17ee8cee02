using System.Text.Json.Nodes;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>Requests that meet a dead replica before anybody has noticed: they wait for the next one, and no client hears of it.</summary>
public sealed class SuspectTests : IAsyncLifetime
{
    private readonly DyingReplica _dead = new(), _next = new() { Does = ReplicaMode.Answers, IsThere = true };
    private ReplicaTarget _deadTarget = null!, _nextTarget = null!;
    private HoldWorld _world = null!;

    public async ValueTask InitializeAsync()
    {
        _world = await HoldWorld.StartAsync();
        (_deadTarget, _nextTarget) = (_world.Replicas.Add(_dead, 8, "dead"), _world.Replicas.Add(_next, 1, "next"));
        _world.Publish(_deadTarget);
    }

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Theory]
    [InlineData(ReplicaMode.Refuses)]
    [InlineData(ReplicaMode.Dies)]
    public async Task A_crowd_after_the_death_of_the_only_replica_is_answered_by_the_next_one_in_order(ReplicaMode does)
    {
        _dead.Does = does;
        var calls = Enumerable.Range(0, 12).Select(number => Ask(number)).ToList();

        _dead.Requests.Count.ShouldBe(1); // the first found out, and no other went there
        (_world.Load.Queued, _world.Load.Running, _deadTarget.InFlight).ShouldBe((12, 0, 0));
        calls.ShouldAllBe(call => !call.Ended.IsCompleted && !call.HasStarted);
        _world.Publish(); // its death is noticed
        _world.Advance(0.5);
        _world.Publish(_nextTarget);
        await Task.WhenAll(calls.Select(call => call.Ended));

        calls.ShouldAllBe(call => call.StatusCode == 200 && call.Text.Contains("choices"));
        _next.Requests.ShouldBe(Enumerable.Range(0, 12).Select(number => $"{number}"));
        ShouldBeIdle();
        _world.Load.Take().Requests.ShouldBe(12);
    }

    [Fact]
    public async Task One_that_answers_after_all_is_given_the_requests_again()
    {
        var (first, second) = (Ask(0), Ask(1));
        _world.Advance(1); // it is asked all the time
        (first.Ended.IsCompleted, _dead.Requests.Count).ShouldBe((false, 1));
        _dead.Questions.ShouldBeGreaterThan(5);

        (_dead.IsThere, _dead.Does) = (true, ReplicaMode.Answers);
        _world.Advance(0.1);
        await Task.WhenAll(first.Ended, second.Ended);

        (first.StatusCode, second.StatusCode).ShouldBe((200, 200));
        var asked = _dead.Questions;
        _world.Advance(10);
        _dead.Questions.ShouldBe(asked);
        ShouldBeIdle();
    }

    [Fact]
    public async Task One_that_leaves_the_table_is_not_asked_any_more()
    {
        var call = Ask(0);
        _world.Publish();
        _world.Advance(10);
        _dead.Questions.ShouldBe(0);
        (_dead.IsThere, _dead.Does) = (true, ReplicaMode.Answers);
        _world.Publish(_deadTarget); // who observes it says that it is there
        await call.Ended;
        call.StatusCode.ShouldBe(200);
    }

    [Fact]
    public async Task It_waits_no_longer_than_any_held_request()
    {
        _world.Publish(route => route with { Hold = new(Timeout: TimeSpan.FromSeconds(30)) }, _deadTarget);
        var call = Ask(0);
        _world.Advance(29.9);
        call.Ended.IsCompleted.ShouldBeFalse();
        _world.Advance(0.1);
        await call.Ended;

        (call.StatusCode, CodeOf(call), _dead.Requests.Count).ShouldBe((503, "DEPLOYMENT_SCALING_UP", 1));
        ShouldBeIdle();
    }

    [Fact]
    public async Task All_its_waits_together_are_no_longer_than_the_longest_hold()
    {
        const int Longest = 100; // ten are enough where no thread is late
        _dead.IsThere = true; // it says so, and takes no request: over and over
        _world.Publish(route => route with { Hold = new(Timeout: TimeSpan.FromSeconds(1)) }, _deadTarget);
        var call = Ask(0);
        (await _world.NextAsync()).ShouldBe("held");
        for (var round = 0; ; round++)
        {
            round.ShouldBeLessThan(Longest);
            _world.Advance(0.1);
            if (await _world.NextAsync() != "released") break;
            (await _world.NextAsync()).ShouldBe("held");
        }

        await call.Ended;
        (call.StatusCode, CodeOf(call)).ShouldBe((503, "DEPLOYMENT_SCALING_UP"));
        _dead.Requests.Count.ShouldBeGreaterThan(1);
        ShouldBeIdle();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_request_that_kills_every_replica_gets_three_and_then_the_error(bool streams)
    {
        (_dead.Does, _dead.IsThere, _next.Does) = (ReplicaMode.Dies, true, ReplicaMode.Dies);
        var call = Ask(0, streams);
        _world.Advance(0.1);
        _world.Publish(_nextTarget);
        _world.Advance(0.2);
        await call.Ended;

        (call.StatusCode, CodeOf(call)).ShouldBe((502, "UPSTREAM_FAILED"));
        call.Text.ShouldContain("may be the cause");
        (_dead.Requests.Count + _next.Requests.Count).ShouldBe(3);
        ShouldBeIdle();
        _world.Load.Take().Requests.ShouldBe(1);
    }

    [Fact]
    public async Task A_stream_of_which_nothing_was_sent_begins_on_the_next_one()
    {
        _dead.Does = ReplicaMode.Dies;
        var call = Ask(0, streams: true);
        _world.Advance(4); // a sign of life
        call.Comments.Count.ShouldBe(1);
        _world.Publish(_nextTarget);
        await call.Ended;
        call.Text.ShouldEndWith(AnsweringReplica.Events);
        ShouldBeIdle();
    }

    [Theory]
    [InlineData(ReplicaMode.Refuses, 503, "UPSTREAM_UNREACHABLE")]
    [InlineData(ReplicaMode.Dies, 502, "UPSTREAM_FAILED")]
    public async Task A_client_that_is_not_to_be_held_hears_of_it_at_once(ReplicaMode does, int status, string code)
    {
        _dead.Does = does;
        var call = _world.Ask(headers: ("x-stoker-cold-start", "reject"));
        await call.Ended;
        (call.StatusCode, CodeOf(call)).ShouldBe((status, code));
        var next = _world.Ask(headers: ("x-stoker-cold-start", "reject"));
        await next.Ended;
        (next.StatusCode, _dead.Requests.Count).ShouldBe((503, 1));
        ShouldBeIdle();
    }

    [Theory]
    [InlineData(ReplicaMode.Refuses, false)]
    [InlineData(ReplicaMode.Dies, true)]
    public async Task Where_nothing_is_to_be_run_twice_only_what_never_began_waits(ReplicaMode does, bool ends)
    {
        _dead.Does = does;
        _world.Publish(route => route with { BrokenStreams = BrokenStreams.Error }, _deadTarget);
        var call = Ask(0);
        if (ends) await call.Ended; // with nobody to wait for
        else call.Ended.IsCompleted.ShouldBeFalse();
        _world.Publish(_nextTarget);
        await call.Ended;
        call.StatusCode.ShouldBe(ends ? 502 : 200);
        ShouldBeIdle();
    }

    [Fact]
    public async Task Nothing_is_run_again_where_that_is_switched_off()
    {
        await DisposeAsync();
        _world = await HoldWorld.StartAsync("Stoker:Gateway:ResumeAttempts=0");
        _dead.Does = ReplicaMode.Dies;
        _world.Publish(_world.Replicas.Add(_dead, 8, "dead"));
        var call = Ask(0);
        await call.Ended;
        (call.StatusCode, call.Text.Contains("may be the cause")).ShouldBe((502, false));
    }

    [Fact]
    public async Task Clients_that_hang_up_meanwhile_leave_no_trace()
    {
        var calls = new List<DirectCall> { Ask(0), Ask(1), Ask(2, streams: true) };
        foreach (var call in calls) call.HangUp();
        await Task.WhenAll(calls.Select(call => call.Ended));
        ShouldBeIdle();
    }

    private DirectCall Ask(int number, bool streams = false) =>
        _world.Ask($$"""{"model":"{{Inference.Deployment}}","prompt":"{{number}}","stream":{{(streams ? "true" : "false")}}}""");

    private void ShouldBeIdle() =>
        (_world.Load.Queued, _world.Load.Running, _world.Queue.Count, _deadTarget.InFlight, _nextTarget.InFlight).ShouldBe((0, 0, 0, 0, 0));

    private static string CodeOf(DirectCall call) =>
        JsonNode.Parse(call.Text.Replace("data: ", "", StringComparison.Ordinal))!["error"]!["code"]!.GetValue<string>();
}
