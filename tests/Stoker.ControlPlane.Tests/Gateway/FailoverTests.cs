using System.Diagnostics.Metrics;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using Stoker.Api.Replicas;
using Stoker.ControlPlane.Gateway;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>Streams whose replica breaks go on on another one, and their clients see nothing of it.</summary>
public sealed partial class FailoverTests : IAsyncLifetime
{
    private const string Text = "\"prompt\":\"Once upon a time\",\"stream\":true";
    private const string Greedy = Text + ",\"temperature\":0";
    private const string Chat = "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"stream\":true,\"temperature\":0";
    private const string Kind = "1 simulated build";

    private MeterListener _meters = new();
    private readonly List<string> _outcomes = [];
    private readonly BreakingReplica _first = new(), _second = new();
    private ReplicaTarget[] _targets = [];
    private HoldWorld _world = null!;
    private HttpClient _client = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => StartAsync();

    public async ValueTask DisposeAsync()
    {
        _meters.Dispose();
        _client.Dispose();
        await _world.DisposeAsync();
    }

    public static TheoryData<string, string> Streams => new()
    {
        { Inference.Completions, Greedy },
        { Inference.Completions, Text + ",\"temperature\":1.5,\"seed\":7,\"top_p\":0.9" },
        { Inference.Completions, Greedy + ",\"logprobs\":2,\"return_token_ids\":true,\"raw_output\":true" },
        { Inference.Completions, Greedy + ",\"max_tokens\":5,\"stream_options\":{\"include_usage\":true}" },
        { Inference.Completions, Greedy + ",\"echo\":true,\"logprobs\":1" },
        { Inference.Chat, Chat },
        { Inference.Chat, Chat + ",\"logprobs\":true,\"top_logprobs\":2,\"return_token_ids\":true" },
        { Inference.Chat, Chat + ",\"max_tokens\":4,\"stream_options\":{\"include_usage\":true}" },
    };

    [Theory]
    [MemberData(nameof(Streams))]
    public async Task Wherever_a_stream_breaks_its_client_sees_the_same_bytes(string path, string fields)
    {
        var whole = await AskAsync(path, fields);
        var frames = whole.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        for (var at = 0; at < frames.Length; at++)
        {
            Break(at);
            (await AskAsync(path, fields)).ShouldBe(whole, $"broken after {at} events");
            Took().ShouldBe(at == 0 ? "run_again" : frames[at - 1].Contains("\"usage\":{") ? "whole" : "resumed");
        }

        Break(frames.Length); // after the end
        (await AskAsync(path, fields)).ShouldBe(whole);
        Took().ShouldBe("");
    }

    [Fact]
    public async Task So_it_is_with_a_stop_string_that_begins_before_the_break_and_ends_after_it()
    {
        var words = string.Concat((await AskAsync(Inference.Completions, Greedy)).Split("\n\n").Select(TextOf)).Split(' ');
        var fields = $"{Greedy},\"stop\":[\"{words[4][^1..]} {words[5]} {words[6]}\"]";
        var whole = await AskAsync(Inference.Completions, fields);
        whole.ShouldContain("\"finish_reason\":\"stop\"");
        for (var at = 1; at < whole.Split("\n\n").Length - 1; at++)
        {
            Break(at);
            (await AskAsync(Inference.Completions, fields)).ShouldBe(whole, $"broken after {at} events");
            Took().ShouldBeOneOf("resumed", "whole");
        }
    }

    [Fact]
    public async Task The_next_replica_gets_the_same_body_with_the_tokens_that_the_client_has()
    {
        Break(3);

        await AskAsync(Inference.Completions, Greedy);

        var (begun, goneOn) = (All().First(received => !received.Body.Contains(ReplicaProtocol.ResumeField)), All().Single(received => received.Body.Contains(ReplicaProtocol.ResumeField)));
        begun.Headers[ReplicaProtocol.ResumeHeader].ShouldBe("0");
        goneOn.Headers[ReplicaProtocol.ResumeHeader].ShouldMatch("^3;created=[0-9]+;cached=0;limit=2048$");
        goneOn.Headers[ReplicaProtocol.RequestIdHeader].ShouldBe(begun.Headers[ReplicaProtocol.RequestIdHeader]);
        var field = ResumeField().Match(goneOn.Body);
        field.Value.Split(',').Length.ShouldBe(4); // three tokens, and the comma behind
        goneOn.Body.Replace(field.Value, "").ShouldBe(begun.Body);
    }

    [Theory]
    [InlineData("data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\",\"param\":null,\"code\":\"internal_error\"}}\n\n")]
    [InlineData("data: {\"error\":{\"message\":\"m\",\"type\":\"unavailable_error\",\"param\":null,\"code\":\"closing\"}}\n\n")]
    public async Task An_engine_that_says_that_it_failed_has_broken_off(string lastWords)
    {
        var whole = await AskAsync(Inference.Completions, Greedy);
        (_first.LastWords, _second.LastWords) = (lastWords, lastWords);
        Break(2);

        (await AskAsync(Inference.Completions, Greedy)).ShouldBe(whole);
    }

    [Fact]
    public async Task An_error_about_the_request_is_passed_on()
    {
        const string Own = "data: {\"error\":{\"message\":\"m\",\"type\":\"unavailable_error\",\"param\":null,\"code\":\"cancelled\"}}\n\n";
        (_first.LastWords, _second.LastWords) = (Own, Own);
        Break(2);

        (await AskAsync(Inference.Completions, Greedy)).ShouldEndWith(Own);
        Took().ShouldBe("");
    }

    [Theory]
    [InlineData(Text, "sampled", "drawn at random")]
    [InlineData(Greedy + ",\"n\":2", "choices", "several choices")]
    public async Task What_would_come_out_otherwise_gets_the_error(string fields, string outcome, string message)
    {
        Break(2);

        ShouldEndIn(await AskAsync(Inference.Completions, fields), message);
        Took().ShouldBe(outcome);
    }

    [Fact]
    public async Task The_deployment_may_want_the_error()
    {
        _world.Publish(route => route with { BrokenStreams = BrokenStreams.Error }, _targets);
        Break(2);

        ShouldEndIn(await AskAsync(Inference.Completions, Greedy), "stoker_broken_streams of the deployment is ERROR");
        Took().ShouldBe("policy");
        All().ShouldAllBe(received => !received.Headers.ContainsKey(ReplicaProtocol.ResumeHeader));
    }

    [Theory]
    [InlineData(1, "resumed,attempts")]
    [InlineData(2, "resumed,resumed,attempts")]
    public async Task A_request_that_fails_its_replicas_does_not_get_them_all(int attempts, string outcomes)
    {
        await DisposeAsync();
        await StartAsync($"Stoker:Gateway:ResumeAttempts={attempts}");
        var third = new BreakingReplica();
        _targets = [.. _targets, _world.Replicas.Add(third, 8, "third", Kind)];
        _world.Publish(_targets);
        foreach (var replica in new[] { _first, _second, third }) replica.Breaks.Enqueue(2);

        ShouldEndIn(await AskAsync(Inference.Completions, Greedy), "may be the cause");
        Took().ShouldBe(outcomes);
        All().Concat(third.Requests).Count().ShouldBe(attempts + 1);
    }

    [Fact]
    public async Task No_stream_goes_on_where_it_is_switched_off()
    {
        await DisposeAsync();
        await StartAsync("Stoker:Gateway:ResumeAttempts=0");
        Break(2);

        (await AskAsync(Inference.Completions, Greedy)).ShouldEndWith("send it again\",\"code\":\"UPSTREAM_FAILED\",\"type\":\"error\"}}\n\n");
        Took().ShouldBe("untold");
    }

    [Fact]
    public async Task More_tokens_than_are_kept_do_not_go_on()
    {
        await DisposeAsync();
        await StartAsync("Stoker:Gateway:ResumeMaxTokens=3");
        var whole = await AskAsync(Inference.Completions, Greedy);
        Break(3);
        (await AskAsync(Inference.Completions, Greedy)).ShouldBe(whole);
        Break(4);
        ShouldEndIn(await AskAsync(Inference.Completions, Greedy), "longer than what is kept");
        Took().ShouldBe("resumed,too_long");
    }

    [Theory]
    [InlineData("2 simulated build")]
    [InlineData(null)]
    public async Task A_replica_of_another_kind_does_not_go_on(string? kind)
    {
        var other = _world.Replicas.Add(_second, 8, "other", kind);
        using var call = await BeginAsync(2);
        _world.Publish(_targets[0], other);

        await call.Value.Ended.WaitAsync(Cancellation);

        ShouldEndIn(call.Value.Text, "compute otherwise");
        Took().ShouldBe("other_kind");
        _second.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_replica_that_cannot_be_reached_is_no_attempt()
    {
        var whole = await AskAsync(Inference.Completions, Greedy);
        var gone = new ReplicaTarget("gone", null, "/nowhere") { Kind = Kind };
        _world.Publish([gone, .. _targets]);
        for (var round = 0; round < 6; round++)
        {
            Break(2);
            (await AskAsync(Inference.Completions, Greedy)).ShouldBe(whole);
        }
    }

    [Fact]
    public async Task While_none_is_ready_the_stream_waits_with_comments_and_goes_on_with_the_next()
    {
        var whole = await AskAsync(Inference.Completions, Greedy);
        using var call = await BeginAsync(4);
        _world.Publish(); // its end is noticed
        (_world.Load.Running, _world.Load.Queued).ShouldBe((0, 1));
        _world.Advance(4);

        _world.Publish(_targets[1]);
        await call.Value.Ended.WaitAsync(Cancellation);

        call.Value.Comments.Count.ShouldBeGreaterThanOrEqualTo(2);
        Plain(CommentFrame().Replace(call.Value.Text, "")).ShouldBe(whole);
        (_world.Load.Running, _world.Load.Queued, _world.Queue.Count).ShouldBe((0, 0, 0));
        Took().ShouldBe("resumed");
    }

    [Fact]
    public async Task One_that_nobody_notices_to_have_failed_is_not_waited_for_long()
    {
        using var call = await BeginAsync(4);
        _world.Advance(9.9);
        call.Value.Ended.IsCompleted.ShouldBeFalse();
        _world.Advance(0.2);

        await call.Value.Ended.WaitAsync(Cancellation);

        ShouldEndIn(call.Value.Text, "no other replica became ready in time");
        Took().ShouldBe("no_replica");
        (_world.Load.Running, _world.Load.Queued, _world.Queue.Count, _targets[0].InFlight).ShouldBe((0, 0, 0, 0));
    }

    [Fact]
    public async Task A_replica_that_says_nothing_more_has_failed_too()
    {
        var whole = await AskAsync(Inference.Completions, Greedy);
        _world.Publish(_targets[0]);
        await AskAsync(Inference.Completions, Greedy); // from now on it answers at once
        (_first.Hangs, _first.LastWords) = (true, "");
        _first.Breaks.Enqueue(4);
        using var call = new Box(_world.Ask($$"""{"model":"{{Inference.Deployment}}",{{Greedy}}}"""));
        _world.Publish(_targets);
        _world.Advance(299);
        call.Value.Ended.IsCompleted.ShouldBeFalse();

        _world.Advance(2);
        await call.Value.Ended.WaitAsync(Cancellation);

        Plain(call.Value.Text).ShouldBe(whole);
        Took().ShouldBe("resumed");
    }

    [Fact]
    public async Task It_is_not_waited_for_where_none_will_come()
    {
        using var call = await BeginAsync(4);
        _world.Publish(route => route with { Waiting = Waiting.Parked });

        await call.Value.Ended.WaitAsync(Cancellation);

        ShouldEndIn(call.Value.Text, "no other replica became ready in time");
        (_world.Load.Running, _world.Load.Queued).ShouldBe((0, 0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task No_client_says_where_its_stream_goes_on(bool relaxed)
    {
        await DisposeAsync();
        await StartAsync($"Stoker:Gateway:RelaxUnknownFields={relaxed}");
        var whole = await AskAsync(Inference.Completions, Greedy);
        using var field = await _client.CompleteAsync($$"""{"model":"{{Inference.Deployment}}",{{Greedy}},"stoker_resume":[1]}""");
        (await field.ErrorAsync(400)).GetProperty("param").GetString().ShouldBe("stoker_resume");

        _client.DefaultRequestHeaders.Add(ReplicaProtocol.ResumeHeader, "3;created=1;cached=0;limit=5");
        (await AskAsync(Inference.Completions, Greedy)).ShouldBe(whole);
        All().ShouldAllBe(received => received.Headers[ReplicaProtocol.ResumeHeader] == "0");
    }

    [Fact]
    public async Task Memory_that_was_taken_for_it_is_given_back()
    {
        Break(5);
        await AskAsync(Inference.Completions, Greedy);

        _world.Host.App.Services.GetRequiredService<BodyBudget>().TakenBytes.ShouldBe(0);
        _targets.ShouldAllBe(target => target.InFlight == 0);
        (_world.Load.Running, _world.Load.Queued).ShouldBe((0, 0));
    }

    private async ValueTask StartAsync(params IReadOnlyList<string> settings)
    {
        _world = await HoldWorld.StartAsync(settings);
        _client = _world.Host.Admin();
        _targets = [_world.Replicas.Add(_first, 8, "first", Kind), _world.Replicas.Add(_second, 8, "second", Kind)];
        _world.Publish(_targets);
        var metrics = _world.Host.App.Services.GetRequiredService<GatewayMetrics>();
        _meters = new();
        _meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter == metrics.Meter && instrument.Name == "stoker.gateway.failovers") listener.EnableMeasurementEvents(instrument);
        };
        _meters.SetMeasurementEventCallback<long>((_, _, tags, _) =>
        {
            lock (_outcomes) _outcomes.Add((string)tags[0].Value!);
        });
        _meters.Start();
    }

    /// <summary>The next stream breaks after so many events, whichever replica has it; the one after it does not.</summary>
    private void Break(int events)
    {
        _first.Breaks.Clear();
        _second.Breaks.Clear();
        var next = _targets[0].LastPick <= _targets[1].LastPick ? _first : _second;
        next.Breaks.Enqueue(events);
    }

    private string Took()
    {
        lock (_outcomes)
        {
            var taken = string.Join(',', _outcomes);
            _outcomes.Clear();
            return taken;
        }
    }

    private List<Received> All() => [.. _first.Requests, .. _second.Requests];

    /// <summary>The bytes that the client gets, but for id and time, of which there must be one.</summary>
    private async Task<string> AskAsync(string path, string fields)
    {
        using var answer = await _client.CompleteAsync($$"""{"model":"{{Inference.Deployment}}",{{fields}}}""", path);
        var text = await answer.TextAsync();
        await _world.Host.RequestEndedAsync();
        return Plain(text);
    }

    private static string Plain(string text)
    {
        Heads().Matches(text).Select(head => head.Value).Distinct().Count().ShouldBeLessThanOrEqualTo(1);
        text.ShouldNotContain("stoker-tokens");
        return Heads().Replace(text, "HEAD");
    }

    /// <summary>A stream that has broken after so many events, with no other replica ready, and waits.</summary>
    private async Task<Box> BeginAsync(int events)
    {
        _world.Publish(_targets[0]);
        await AskAsync(Inference.Completions, Greedy); // from now on it answers at once
        _first.Breaks.Enqueue(events);
        var call = _world.Ask($$"""{"model":"{{Inference.Deployment}}",{{Greedy}}}""");
        (_world.Load.Running, _world.Load.Queued, call.Comments.Count).ShouldBe((0, 1, 1));
        return new(call);
    }

    private static void ShouldEndIn(string text, string message)
    {
        var frames = text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        frames[^1].ShouldStartWith("data: {\"error\":{\"message\":\"The replica failed in the middle of the answer");
        frames[^1].ShouldContain(message);
        frames[^1].ShouldContain("UPSTREAM_FAILED");
        text.ShouldNotContain("[DONE]");
    }

    private static string TextOf(string frame) => TextField().Match(frame).Groups[1].Value;

    private sealed record Box(DirectCall Value) : IDisposable
    {
        public void Dispose() => Value.HangUp();
    }

    [GeneratedRegex("\"id\":\"[a-z]+-[0-9a-f]{32}\",\"object\":\"[a-z._]+\",\"created\":[0-9]+")]
    private static partial Regex Heads();

    [GeneratedRegex("\"stoker_resume\":\\[[0-9,]+\\],")]
    private static partial Regex ResumeField();

    [GeneratedRegex("\"text\":\"([^\"]*)\"")]
    private static partial Regex TextField();

    [GeneratedRegex(": stoker [^\n]*\n\n")]
    private static partial Regex CommentFrame();
}
