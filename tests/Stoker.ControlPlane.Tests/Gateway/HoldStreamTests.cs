using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>What a held stream tells its client, and when.</summary>
public sealed partial class HoldStreamTests : IAsyncLifetime
{
    private HoldWorld _world = null!;

    public async ValueTask InitializeAsync() => _world = await HoldWorld.StartAsync();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public void The_head_and_a_comment_are_out_before_any_time_passes()
    {
        var call = _world.Stream();

        (call.HasStarted, call.StatusCode).ShouldBe((true, 200));
        call.Headers.ContentType.ToString().ShouldBe("text/event-stream");
        call.Headers.CacheControl.ToString().ShouldBe("no-cache");
        call.Headers["fireworks-deployment"].ToString().ShouldBe(Inference.Deployment);
        call.Headers["x-fireworks-request-id"].ToString().ShouldNotBeEmpty();
        call.Text.ShouldBe(": stoker phase=scheduling progress=0.00 eta_ms=60000 queue=1\n\n");
    }

    [Fact]
    public void A_comment_follows_at_least_every_five_seconds()
    {
        var call = _world.Stream();
        var (seen, silent) = (call.Comments.Count, TimeSpan.Zero);
        for (var passed = TimeSpan.Zero; passed < TimeSpan.FromSeconds(60); passed += TimeSpan.FromMilliseconds(100))
        {
            _world.Advance(0.1);
            silent = call.Comments.Count > seen ? TimeSpan.Zero : silent + TimeSpan.FromMilliseconds(100);
            seen = call.Comments.Count;
            silent.ShouldBeLessThan(TimeSpan.FromSeconds(5));
        }

        seen.ShouldBeInRange(12, 30);
        call.Comments.ShouldAllBe(comment => Form().IsMatch(comment));
    }

    [Fact]
    public void Comments_follow_the_start_of_the_replica()
    {
        TimeSpan[] recent = [TimeSpan.FromSeconds(20)];
        var call = _world.Stream();
        _world.Starts.Note(HoldWorld.Name, new(StartPhase.Starting, null, _world.Time.GetUtcNow(), recent));
        _world.Advance(4);
        _world.Starts.Note(HoldWorld.Name, new(StartPhase.Loading, 0.3, _world.Time.GetUtcNow().AddSeconds(-4), recent));
        _world.Stream();
        _world.Advance(4);

        call.Comments.ShouldBe(
        [
            "stoker phase=scheduling progress=0.00 eta_ms=60000 queue=1",
            "stoker phase=starting progress=0.20 eta_ms=16000 queue=1",
            "stoker phase=loading progress=0.40 eta_ms=12000 queue=2",
        ]);
    }

    [Fact]
    public async Task Nobody_is_promised_a_time_while_others_hold_the_capacity()
    {
        _world.Publish(route => route with { Waiting = Waiting.Capacity });
        var call = _world.Stream();
        call.Comments.ShouldBe(["stoker phase=scheduling progress=0.00 cause=capacity queue=1"]);
        _world.Publish(route => route with { Waiting = Waiting.Starting });
        _world.Advance(4);
        call.Comments[^1].ShouldBe("stoker phase=scheduling progress=0.00 eta_ms=60000 queue=1");
        _world.Publish(_world.Replicas.Add(new AnsweringReplica(), maxSequences: 1));
        await call.Ended;
    }

    [Fact]
    public async Task After_the_comments_comes_the_answer_and_nothing_else()
    {
        var call = _world.Stream();
        _world.Advance(4);
        _world.Publish(_world.Replicas.Add(new AnsweringReplica(), maxSequences: 1));
        await call.Ended;

        Comment().Replace(call.Text, "").ShouldBe(AnsweringReplica.Events);
        call.Comments.Count.ShouldBe(2);
    }

    [Fact]
    public async Task One_that_waits_for_a_place_on_a_ready_replica_is_told_so()
    {
        var gate = new GatedReplica();
        var (first, second) = (_world.Stream(), _world.Stream());
        _world.Publish(_world.Replicas.Add(gate, maxSequences: 1));
        await gate.ArrivedAsync(1);

        _world.Advance(4);

        second.Comments[^1].ShouldEndWith("progress=1.00 eta_ms=0 queue=1");
        first.Comments.Count.ShouldBe(1); // it is the replica's turn to say something
        gate.Release(2);
        await Task.WhenAll(first.Ended, second.Ended);
    }

    [Fact]
    public async Task A_replicas_refusal_is_one_event_with_its_body_on_one_line()
    {
        var call = _world.Stream();
        _world.Publish(_world.Replicas.Add(HttpStatusCode.BadRequest, "{\n  \"error\": {\"message\": \"temperature <b>\"}\n}"));
        await call.Ended;

        call.Data.ShouldBe(["""{"error":{"message":"temperature <b>"}}"""]);
        call.Text.ShouldEndWith("}\n\n");
    }

    [Theory]
    [InlineData(HttpStatusCode.OK, "{}", "application/json", "UPSTREAM_FAILED")] // no stream
    [InlineData(HttpStatusCode.InternalServerError, "what?", "text/plain", "UPSTREAM_FAILED")]
    [InlineData(HttpStatusCode.OK, "data: {}\n\n", "text/event-stream", "UPSTREAM_FAILED")] // without [DONE]
    public async Task A_replica_that_fails_is_one_error_event_and_no_end_mark(HttpStatusCode status, string body, string type, string code)
    {
        var call = _world.Stream();
        _world.Publish(_world.Replicas.Add(status, body, type));
        await call.Ended;

        call.Data[^1].ShouldContain(code);
        call.Data.Count(data => data.Contains("error", StringComparison.Ordinal)).ShouldBe(1);
        call.Data.ShouldNotContain("[DONE]");
    }

    [Fact]
    public async Task A_replica_that_cannot_be_reached_is_one_error_event_when_no_other_has_come_in_its_time()
    {
        var call = _world.Stream();
        _world.Publish(new ReplicaTarget("nobody", null, "/nowhere", maxSequences: 1));
        while (!call.Ended.IsCompleted)
        {
            _world.Advance(600); // again: the gateway may not have begun to wait yet
            await Task.Yield();
        }

        call.Data.ShouldHaveSingleItem().ShouldContain("DEPLOYMENT_SCALING_UP");
        _world.Load.Running.ShouldBe(0);
    }

    [Fact]
    public async Task A_fault_that_nobody_foresaw_is_one_error_event_for_a_held_stream()
    {
        var call = _world.Stream();
        _world.Publish(_world.Replicas.Add(new FaultyReplica(), maxSequences: 1));
        await call.Ended;

        call.Data.ShouldHaveSingleItem().ShouldBe(
            """{"error":{"message":"The server failed on this request: give x-fireworks-request-id to its operator","code":"INTERNAL","type":"error"}}""");
        call.Text.ShouldEndWith("}\n\n");
        (call.WasAborted, _world.Load.Queued, _world.Load.Running).ShouldBe((false, 0, 0));
        (await _world.Host.RequestEndedAsync()).ShouldBe("internal");
        _world.Host.Log.Lines.ShouldAllBe(line => !line.Contains("once upon a secret"));
    }

    [Fact]
    public async Task Such_a_fault_in_the_middle_of_a_stream_comes_after_whole_events()
    {
        var call = _world.Stream();
        _world.Publish(_world.Replicas.Add(new FaultyReplica("data: {\"choices\":[{\"text\":\"y\"}]}\n\ndata: {\"choices\":[{\"te"), maxSequences: 1));
        await call.Ended;

        call.Data.Count.ShouldBe(2);
        (call.Data[0], call.Data[1].Contains("INTERNAL", StringComparison.Ordinal), call.WasAborted).ShouldBe(("{\"choices\":[{\"text\":\"y\"}]}", true, false));
    }

    [Fact]
    public async Task Where_half_an_event_may_be_out_the_stream_is_cut()
    {
        var call = _world.Stream();
        call.IsBroken = true; // the next comment does not get out whole
        _world.Advance(4);
        await call.Ended;

        call.Data.ShouldBeEmpty();
        (call.WasAborted, _world.Load.Queued, _world.Queue.Count).ShouldBe((true, 0, 0));
    }

    [Fact]
    public void Figures_are_written_the_same_everywhere()
    {
        var culture = CultureInfo.CurrentCulture;
        var other = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        other.NumberFormat.NumberDecimalSeparator = ",";
        try
        {
            CultureInfo.CurrentCulture = other;
            _world.Stream().Comments.ShouldAllBe(comment => Form().IsMatch(comment));
        }
        finally
        {
            CultureInfo.CurrentCulture = culture;
        }
    }

    [GeneratedRegex(@"^stoker phase=(scheduling|starting|loading) progress=[01]\.[0-9]{2} eta_ms=[0-9]+ queue=[0-9]+$")]
    private static partial Regex Form();

    [GeneratedRegex(": stoker [^\n]*\n\n")]
    private static partial Regex Comment();
}
