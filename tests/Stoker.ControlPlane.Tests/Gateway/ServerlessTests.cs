using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Stoker.Api.Names;
using Stoker.ControlPlane.Addons;
using Stoker.ControlPlane.Routing;
using Stoker.ControlPlane.Tests.Routing;
using static Stoker.ControlPlane.Tests.Gateway.HoldWorld;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>Requests for a model of the serverless tier: who is let in, and whose turn it is.</summary>
public sealed class ServerlessTests : IAsyncLifetime
{
    private const string Shared = "accounts/fireworks/deployments/story-3m";
    private const string Body = $$"""{"model":"{{Inference.Model}}","prompt":"x"}"""; // 60 bytes: counted as 15 tokens until the answer says 3

    private static readonly string[] Limited = ["requests", "tokens-prompt", "tokens-generated"];

    private HoldWorld _world = null!;

    public async ValueTask InitializeAsync() => _world = await StartAsync(
        "Stoker:Serverless:Tiers:standard:RequestsPerMinute=6",
        "Stoker:Serverless:Tiers:standard:PromptTokensPerMinute=60",
        "Stoker:Serverless:Tiers:standard:GeneratedTokensPerMinute=30",
        "Stoker:Serverless:Tiers:wide:RequestsPerMinute=1000",
        "Stoker:Serverless:AccountTiers:wide=wide",
        "Stoker:Serverless:AccountTiers:other=wide");

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task Every_account_reaches_it_by_the_models_name_and_is_told_its_limits()
    {
        Publish(Answering());
        var stranger = await _world.Host.CreateAccountAsync("stranger");

        var call = _world.Ask(Body, Key(stranger));

        await call.Ended;
        call.StatusCode.ShouldBe(200, call.Text);
        Limits(call).ShouldBe("6/5 60/45 30/30 no");
        call.Headers["fireworks-deployment"].ToString().ShouldBe(Shared);
    }

    [Fact]
    public async Task Beyond_the_requests_of_a_minute_it_is_429_with_the_time_to_wait_and_only_for_that_account()
    {
        Publish(Answering());
        for (var request = 0; request < 6; request++) (await AskAsync()).ShouldBe(200);
        var other = await _world.Host.CreateAccountAsync("other");

        var call = _world.Ask(Body);

        await call.Ended;
        (call.StatusCode, call.Headers.RetryAfter.ToString(), Limits(call)).ShouldBe((429, "10", "6/0 60/42 30/0 yes"));
        var error = JsonNode.Parse(call.Text)!["error"]!;
        ((string?)error["code"]).ShouldBe("RATE_LIMIT_EXCEEDED");
        ((string?)error["message"])!.ShouldContain("6 requests per minute");
        (await AskAsync(other)).ShouldBe(200);
        _world.Advance(10);
        (await AskAsync()).ShouldBe(200);
        (await AskAsync()).ShouldBe(429);
    }

    [Fact]
    public async Task Tokens_are_counted_as_the_answer_tells_them_and_what_is_owed_is_waited_for()
    {
        Publish(_world.Replicas.Add(System.Net.HttpStatusCode.OK, WholeAnswer.Replace("\"completion_tokens\":5", "\"completion_tokens\":50")));
        var first = _world.Ask(Body);
        await first.Ended;

        var second = _world.Ask(Body);

        await second.Ended;
        (second.StatusCode, second.Headers.RetryAfter.ToString(), Limits(second)).ShouldBe((429, "42", "6/5 60/57 30/0 yes"));
        second.Text.ShouldContain("30 generated tokens per minute");
        _world.Advance(42);
        (await AskAsync()).ShouldBe(200);
    }

    [Fact]
    public async Task A_deployment_of_ones_own_has_no_limits_and_no_such_headers()
    {
        _world.Publish(Answering());

        for (var request = 0; request < 20; request++)
        {
            var call = _world.Ask();
            await call.Ended;
            call.StatusCode.ShouldBe(200);
            call.Headers.Keys.ShouldNotContain(name => name.StartsWith("x-ratelimit", StringComparison.OrdinalIgnoreCase));
        }
    }

    [Fact]
    public async Task A_place_goes_to_the_account_that_was_served_least()
    {
        var replica = new GatedReplica();
        Publish(_world.Replicas.Add(replica, maxSequences: 1));
        var (wide, other) = (await _world.Host.CreateAccountAsync("wide"), await _world.Host.CreateAccountAsync("other"));
        var first = _world.Ask(Body, Key(wide));
        await replica.ArrivedAsync(1);
        var (second, late) = (_world.Ask(Body, Key(wide)), _world.Ask(Body, Key(other)));

        replica.Release(1);
        await first.Ended;
        await replica.ArrivedAsync(1);
        replica.Release(1);
        await late.Ended;

        second.Ended.IsCompleted.ShouldBeFalse();
        replica.Release(1);
        await second.Ended;
        _world.Queue.Count.ShouldBe(0);
    }

    [Fact]
    public async Task Who_does_not_want_to_be_held_waits_for_a_turn_all_the_same()
    {
        var replica = new GatedReplica();
        Publish(_world.Replicas.Add(replica, maxSequences: 1));
        var first = _world.Ask(Body);
        await replica.ArrivedAsync(1);

        var eager = _world.Ask(Body, ("x-stoker-cold-start", "reject"));

        (_world.Queue.Count, replica.Arrived).ShouldBe((1, 1)); // not at the replica, where nobody's turn is known
        replica.Release(2);
        await first.Ended;
        await eager.Ended;
        eager.StatusCode.ShouldBe(200, eager.Text);
    }

    [Fact]
    public async Task One_account_cannot_fill_the_queue_for_the_others()
    {
        Publish(route => route with { Hold = new(MaxRequests: 4, null, null) });
        var (wide, other) = (await _world.Host.CreateAccountAsync("wide"), await _world.Host.CreateAccountAsync("other"));
        var held = Enumerable.Range(0, 2).Select(_ => _world.Ask(Body, Key(wide))).ToList();

        var third = _world.Ask(Body, Key(wide));
        held.Add(_world.Ask(Body, Key(other)));

        await third.Ended;
        third.StatusCode.ShouldBe(429);
        third.Text.ShouldContain("as many of your account's requests wait already");
        Publish(Answering());
        foreach (var call in held)
        {
            await call.Ended;
            call.StatusCode.ShouldBe(200, call.Text);
        }
    }

    [Fact]
    public async Task What_never_had_a_place_used_no_tokens()
    {
        Publish(route => route with { Hold = new(null, null, Timeout: TimeSpan.FromSeconds(1)) });
        var call = _world.Ask(Body);
        _world.Advance(1);
        await call.Ended;
        call.StatusCode.ShouldBe(503);

        Publish(Answering());
        var next = _world.Ask(Body);
        await next.Ended;
        Limits(next).ShouldBe("6/4 60/45 30/30 no");
    }

    [Fact]
    public async Task A_model_that_leaves_the_tier_says_so_and_on_its_day_is_refused_with_the_alternative()
    {
        var (end, other) = (new Retirement(new(2030, 1, 2), ModelName.Parse("accounts/fireworks/models/other")), "accounts/fireworks/models/other");
        Publish(route => route with { Model = route.Model with { Retires = end } }, Answering());
        var call = _world.Ask(Body);
        await call.Ended;
        (call.StatusCode, call.Headers["sunset"].ToString(), call.Headers["x-stoker-alternative"].ToString()).ShouldBe((200, "Wed, 02 Jan 2030 00:00:00 GMT", other));

        _world.Advance(12 * 3600); // its deployment may be there for a moment still

        var late = _world.Ask(Body);
        await late.Ended;
        _world.Host.Routing.Publish(new RoutingTable([], retired: new Dictionary<ModelName, Retirement> { [ModelName.Parse(Inference.Model)] = end }));
        var later = _world.Ask(Body);
        await later.Ended;
        foreach (var refused in (DirectCall[])[late, later])
        {
            var error = JsonNode.Parse(refused.Text)!["error"]!;
            (refused.StatusCode, (string?)error["code"], (string?)error["param"]).ShouldBe((404, "MODEL_DEPRECATED", "model"));
            ((string?)error["message"])!.ShouldContain($"use {other} instead, or a deployment of your own (firectl create deployment {Inference.Model})");
        }
    }

    [Fact]
    public async Task When_it_cannot_be_served_the_caller_learns_what_is_in_its_own_power()
    {
        Publish(route => route with { Waiting = Waiting.Failed, Detail = "no memory on node 7" });

        var call = _world.Ask(Body);

        await call.Ended;
        call.StatusCode.ShouldBe(503);
        call.Text.ShouldContain("SERVERLESS_UNAVAILABLE");
        call.Text.ShouldContain("use a deployment of your own");
        call.Text.ShouldNotContain("node 7");
    }

    [Fact]
    public async Task A_request_for_an_addon_keeps_it_warm()
    {
        var (zog, tenant) = (ModelName.Parse("accounts/default/models/zog"), DeployedModelName.Parse("accounts/default/deployedModels/zog-0123abcd"));
        var route = Routes.To(Shared, Inference.Model, Answering()).With(zog.ToString(), on: "r");
        route = route with { Addons = new(route.Addons.ByModel.SetItem(zog, route.Addons.ByModel[zog] with { Name = tenant, Tenants = route.Addons.ByModel[zog].Tenants.Add(tenant.Parent, tenant) })) };
        _world.Host.Routing.Publish(new RoutingTable([route], Routes.Deployed(route)));

        var call = _world.Ask(Body.Replace(Inference.Model, zog.ToString()));

        await call.Ended;
        call.StatusCode.ShouldBe(200, call.Text);
        _world.Host.App.Services.GetRequiredService<AddonDemand>().LastUses(route.Name, new HashSet<ModelName> { zog })[zog].ShouldBe(Routes.Noon);
    }

    private static (string Name, string Value) Key(string key) => ("Authorization", $"Bearer {key}");

    private static string Limits(DirectCall call) => string.Join(
        ' ',
        Limited
            .Select(what => $"{call.Headers[$"x-ratelimit-limit-{what}"]}/{call.Headers[$"x-ratelimit-remaining-{what}"]}")
            .Append(call.Headers["x-ratelimit-over-limit"].ToString()));

    private async Task<int> AskAsync(string? key = null)
    {
        var call = key is null ? _world.Ask(Body) : _world.Ask(Body, Key(key));
        await call.Ended;
        return call.StatusCode;
    }

    private ReplicaTarget Answering() => _world.Replicas.Add(new AnsweringReplica(), maxSequences: 8);

    private void Publish(params IReadOnlyList<ReplicaTarget> ready) => Publish(route => route, ready);

    private void Publish(Func<Route, Route> change, params IReadOnlyList<ReplicaTarget> ready) =>
        _world.Publish(route => change(Routes.To(Shared, Inference.Model, route.Ready) with { Shared = route.Shared }), ready);
}
