using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Stoker.Api;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Deployments;

/// <summary>Over HTTP, with the reconciler running and replicas that are ready at once.</summary>
public sealed class DeploymentEndpointsTests : IAsyncLifetime
{
    private DeploymentsHost _host = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _host = await DeploymentsHost.StartAsync(
        app =>
        {
            app.MapCapacity();
            app.MapDeployments();
        },
        models: ("accounts/fireworks/models/story-3m", ModelKind.HfBaseModel, new() { Kind = "HF_BASE_MODEL", Public = true }));

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task A_deployment_lives_over_http()
    {
        var created = await ReadAsync(await SendAsync(HttpMethod.Post, "?deploymentId=d", """{"baseModel":"story-3m","displayName":"mine"}"""));
        (created.Name, created.BaseModel, created.DisplayName).ShouldBe(($"{_host.Account}/deployments/d", "accounts/fireworks/models/story-3m", "mine"));

        await WhenReadyAsync("d");
        (await ReadAsync(await SendAsync(HttpMethod.Get, "/d"))).State.ShouldBe("READY");
        (await ReadAsync(await SendAsync(HttpMethod.Get, "/d?readMask=state"))).ShouldBe(new DeploymentResource { State = "READY" });

        var updated = await ReadAsync(await SendAsync(HttpMethod.Patch, "/d?updateMask=display_name", """{"displayName":"yours","description":"not masked"}"""));
        (updated.DisplayName, updated.Description).ShouldBe(("yours", null));
        (await BodyAsync(await SendAsync(HttpMethod.Patch, "/d:scale", """{"replicaCount":0}"""))).ShouldBe("{}");

        (await BodyAsync(await SendAsync(HttpMethod.Delete, "/d?hard=true"))).ShouldBe("{}");
        await WhenAsync(snapshot => snapshot.Routes.Count == 0);
    }

    [Fact]
    public async Task A_list_is_filtered_paged_and_ordered_by_creation()
    {
        foreach (var id in new[] { "b", "c", "a" }) await SendAsync(HttpMethod.Post, $"?deploymentId={id}", """{"baseModel":"story-3m","maxReplicaCount":0}""");
        var first = await ListAsync("?pageSize=2");
        first.Deployments.Select(deployment => deployment.Name).ShouldBe([$"{_host.Account}/deployments/b", $"{_host.Account}/deployments/c"]);
        first.TotalSize.ShouldBe(3);
        (await ListAsync($"?pageSize=2&pageToken={first.NextPageToken}")).Deployments.Single().Name.ShouldBe($"{_host.Account}/deployments/a");
        (await ListAsync($"?filter=name=\"{_host.Account}/deployments/c\"")).Deployments.Count.ShouldBe(1);
        (await ListAsync("?orderBy=name%20desc")).Deployments[0].Name.ShouldBe($"{_host.Account}/deployments/c");
    }

    [Fact]
    public async Task Deleted_deployments_show_when_asked_for_and_come_back()
    {
        await SendAsync(HttpMethod.Post, "?deploymentId=d", """{"baseModel":"story-3m"}""");
        await WhenReadyAsync("d");
        await SendAsync(HttpMethod.Delete, "/d");
        await WhenAsync(snapshot => snapshot.Routes.Count == 0);
        // the route goes first
        (await ReadAsync(await SendAsync(HttpMethod.Get, "/d"))).State.ShouldBeOneOf("DELETING", "DELETED");
        (await SendAsync(HttpMethod.Post, "/d:undelete", "{}")).StatusCode.ShouldBe(HttpStatusCode.OK);
        await WhenReadyAsync("d");
        (await ListAsync("?showDeleted=true")).TotalSize.ShouldBe(1);
    }

    [Fact]
    public async Task Events_tell_what_happened_and_when()
    {
        await SendAsync(HttpMethod.Post, "?deploymentId=d", """{"baseModel":"story-3m"}""");
        await WhenReadyAsync("d");
        var answer = await SendAsync(HttpMethod.Get, "/d:events");
        var events = (await answer.Content.ReadFromJsonAsync(ApiJson.Default.ListDeploymentEventsResponse, Cancellation)).ShouldNotBeNull();
        events.Events.Select(item => (item.Severity, item.Reason)).ShouldBe([("NORMAL", "CREATED"), ("NORMAL", "READY")]);
        events.Events[0].Message.ShouldContain("/users/admin");
        events.Events[0].EventTime.ShouldBeLessThanOrEqualTo(events.Events[1].EventTime);
        events.TotalSize.ShouldBe(2);
    }

    [Fact]
    public async Task A_guarded_deployment_is_deleted_with_the_checks_switched_off_only()
    {
        await SendAsync(HttpMethod.Post, "?deploymentId=d", """{"baseModel":"story-3m"}""");
        await WhenReadyAsync("d");
        var accounts = _host.Services.GetRequiredService<AccountStore>().Accounts;
        var account = await accounts.FindAsync(AccountName.Parse(_host.Account), Cancellation);
        (await accounts.UpdateSpecAsync(account!, account!.Spec with { DeletionGuard = true }, Cancellation)).Problem.ShouldBeNull();
        var load = _host.Services.GetRequiredService<LoadBoard>().Of(DeploymentName.Parse($"{_host.Account}/deployments/d"));
        load.Began();

        var refused = await SendAsync(HttpMethod.Delete, "/d");
        refused.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await BodyAsync(refused)).ShouldContain("deployment has received inference requests in the last hour, pass --ignore-checks to skip this check");
        (await BodyAsync(await SendAsync(HttpMethod.Delete, "/d?ignoreChecks=true"))).ShouldBe("{}");
        load.Ended();
    }

    [Theory]
    [InlineData("POST", "", "{", 400, "not valid JSON")]
    [InlineData("POST", "", "", 400, "body is empty")]
    [InlineData("POST", "", """{"baseModel":7}""", 400, "base")]
    [InlineData("POST", "", """{"baseModel":"story-3m","deploymentId":"x"}""", 400, "deploymentId")]
    [InlineData("POST", "", """{"baseModel":"story-3m","baseModel":"story-3m"}""", 400, "aseModel")]
    [InlineData("POST", "", """{"minReplicaCount":99999999999}""", 400, "minReplicaCount")]
    [InlineData("POST", "?deploymentID=x", """{"baseModel":"story-3m"}""", 400, "'deploymentID' is not known here")]
    [InlineData("POST", "?validateOnly=maybe", """{"baseModel":"story-3m"}""", 400, "validateOnly")]
    [InlineData("POST", "?disableAutoDeploy=true", """{"baseModel":"story-3m"}""", 501, "disableAutoDeploy")]
    [InlineData("POST", "?skipShapeValidation=true", """{"baseModel":"story-3m"}""", 501, "skipShapeValidation")]
    [InlineData("POST", "?skipImageTagValidation=true", """{"baseModel":"story-3m"}""", 501, "skipImageTagValidation")]
    [InlineData("POST", "?disableSpeculativeDecoding=true&validateOnly=true", """{"baseModel":"story-3m"}""", 200, "story-3m")]
    [InlineData("POST", "?disableSpeculativeDecoding=true&validateOnly=true", """{"baseModel":"story-3m","draftModel":"story-draft-400k","draftTokenCount":4}""", 400, "draft_model cannot be set together with disableSpeculativeDecoding")]
    [InlineData("POST", "?disableSpeculativeDecoding=true&validateOnly=true", """{"baseModel":"story-3m","ngramSpeculationLength":3,"draftTokenCount":4}""", 400, "ngram_speculation_length cannot be set together with disableSpeculativeDecoding")]
    [InlineData("POST", "?disableSpeculativeDecoding=true&validateOnly=true", """{"baseModel":"story-3m","ngramSpeculationLength":3,"draftTokenCount":0}""", 200, "story-3m")]
    [InlineData("POST", "?validateOnly=true", """{"baseModel":"story-3m","enableAddons":true}""", 200, "\"enableAddons\":true")]
    [InlineData("POST", "?validateOnly=true", """{"baseModel":"story-3m","autoscalingPolicy":{"scaleUpWindow":"600s"}}""", 200, "\"scaleUpWindow\":\"600s\"")]
    [InlineData("POST", "?validateOnly=true", """{"baseModel":"story-3m","autoscalingPolicy":{"scaleUpWindow":"1.5s"}}""", 200, "\"scaleUpWindow\":\"1.5s\"")]
    [InlineData("POST", "?validateOnly=true", """{"baseModel":"story-3m","autoscalingPolicy":{"scaleUpWindow":"1m30s"}}""", 200, "\"scaleUpWindow\":\"90s\"")]
    [InlineData("POST", "?validateOnly=true", """{"baseModel":"story-3m","autoscalingPolicy":{"scaleUpWindow":null}}""", 200, "\"scaleUpWindow\":\"30s\"")]
    [InlineData("POST", "?validateOnly=true", """{"baseModel":"story-3m","autoscalingPolicy":{"scaleUpWindow":30}}""", 400, "scaleUpWindow")]
    [InlineData("POST", "?validateOnly=true", """{"baseModel":"story-3m","autoscalingPolicy":{"scaleUpWindow":{"seconds":30}}}""", 400, "scaleUpWindow")]
    [InlineData("POST", "?validateOnly=true", """{"baseModel":"story-3m","autoscalingPolicy":{"scaleUpWindow":"30"}}""", 400, "scale_up_window must be a duration such as \\\"30s\\\" or \\\"3600s\\\", was '30'")]
    [InlineData("POST", "?validateOnly=true", """{"baseModel":"story-3m","autoscalingPolicy":{"scaleUpWindow":"PT30S"}}""", 400, "was 'PT30S'")]
    [InlineData("POST", "?validateOnly=true", """{"baseModel":"story-3m","autoscalingPolicy":{"scaleUpWindow":"315576000000s"}}""", 400, "must be at most 1h0m0s, was 87660000h0m0s")]
    [InlineData("POST", "?validateOnly=true", """{"baseModel":"story-3m","autoscalingPolicy":{"scaleToZeroWindow":"4m59.999999999s"}}""", 400, "must be at least 5m0s, was 4m59.9999999s")]
    [InlineData("POST", "?validateOnly=true", """{"baseModel":"story-3m","stokerHold":{"timeout":"-1.5s"}}""", 400, "stoker_hold.timeout must not be negative, was -1.5s")]
    [InlineData("POST", "", """{"baseModel":"nobody"}""", 404, "nobody")]
    [InlineData("GET", "/nobody", null, 404, "nobody")]
    [InlineData("GET", "/NOT-A-NAME", null, 404, "NOT-A-NAME")]
    [InlineData("GET", "?filter=)", null, 400, "filter")]
    [InlineData("PATCH", "/nobody", "{}", 404, "nobody")]
    [InlineData("PATCH", "/nobody?skipShapeValidation=true", "{}", 501, "skipShapeValidation")]
    [InlineData("PATCH", "/nobody:scale", """{"replicaCount":1}""", 404, "nobody")]
    [InlineData("PATCH", "/nobody:scale", """{"replicas":1}""", 400, "replicas")]
    [InlineData("GET", "/nobody:explain", null, 404, "nobody")]
    [InlineData("GET", "/NOT-A-NAME:explain", null, 404, "NOT-A-NAME")]
    [InlineData("GET", "/nobody:explain?since=now", null, 400, "'since' is not known here; known are: pageSize")]
    [InlineData("GET", "/nobody:explain?pageSize=0", null, 400, "from 1 to 200, the decisions that are kept, was '0'")]
    [InlineData("GET", "/nobody:explain?pageSize=201", null, 400, "was '201'")]
    [InlineData("GET", "/nobody:explain?pageSize=ten", null, 400, "was 'ten'")]
    [InlineData("DELETE", "/nobody", null, 404, "nobody")]
    [InlineData("DELETE", "/nobody?force=true", null, 400, "force")]
    [InlineData("POST", "/nobody:undelete", "{}", 404, "nobody")]
    [InlineData("GET", "/nobody:usage", null, 404, "nobody")]
    [InlineData("GET", "/nobody:usage?day=today", null, 400, "'day' is not known here")]
    [InlineData("GET", "/nobody:usage?filter=)", null, 400, "filter")]
    [InlineData("GET", "/nobody:intervals", null, 404, "nobody")]
    [InlineData("GET", "/nobody:intervals?orderBy=colour", null, 400, "colour")]
    [InlineData("GET", "/nobody:verifyUsage", null, 404, "nobody")]
    [InlineData("GET", "/nobody:verifyUsage?pageSize=1", null, 400, "pageSize")]
    [InlineData("GET", "/NOT-A-NAME:usage", null, 404, "NOT-A-NAME")]
    [InlineData("GET", "/nobody:events", null, 404, "nobody")]
    [InlineData("GET", "/nobody:events?pageSize=1", null, 400, "pageSize")]
    [InlineData("DELETE", "/nobody?ignoreChecks=maybe", null, 400, "ignoreChecks")]
    public async Task Bad_input_is_answered_with_its_cause(string method, string path, string? body, int status, string expected)
    {
        var answer = await SendAsync(new(method), path, body);
        ((int)answer.StatusCode).ShouldBe(status);
        (await BodyAsync(answer)).ShouldContain(expected);
    }

    [Fact]
    public async Task It_explains_why_there_are_as_many_replicas()
    {
        await SendAsync(HttpMethod.Post, "?deploymentId=d", """{"baseModel":"story-3m","maxReplicaCount":3}""");
        await WhenReadyAsync("d");
        await SendAsync(HttpMethod.Patch, "/d:scale", """{"replicaCount":2}""");
        var name = DeploymentName.Parse($"{_host.Account}/deployments/d");
        await WhenAsync(snapshot => snapshot.Routes[name].DesiredReplicas == 2);
        var log = _host.Services.GetRequiredService<DecisionLog>();
        while (log.Read(name, 1) is not [{ Cause: ScalingCause.ByHand }]) await Task.Yield(); // written last
        var answer = await SendAsync(HttpMethod.Get, "/d:explain?pageSize=1");
        var why = JsonSerializer.Deserialize(await BodyAsync(answer), ApiJson.Default.ExplainDeploymentResponse).ShouldNotBeNull();
        (why.Deployment, why.DesiredReplicaCount, why.Now.ShouldNotBeNull().DesiredReplicaCount).ShouldBe(($"{_host.Account}/deployments/d", 2, 2));
        var last = why.Decisions.ShouldHaveSingleItem();
        (last.PreviousReplicaCount, last.DesiredReplicaCount, last.Cause, last.Reason).ShouldBe((1, 2, "BY_HAND", "set to 2 by hand"));
        (last.Inputs.MinReplicaCount, last.Inputs.MaxReplicaCount, last.Inputs.ReadyReplicaCount).ShouldBe((0, 3, 1));
    }

    [Fact]
    public async Task What_a_deployment_used_is_shown()
    {
        await SendAsync(HttpMethod.Post, "?deploymentId=used", """{"baseModel":"story-3m"}""");
        await WhenReadyAsync("used");
        var shown = await ReadAsync(await SendAsync(HttpMethod.Get, "/used"));
        shown.StokerUsage.ShouldNotBeNull().AcceleratorSeconds.ShouldNotBeNull().ShouldBeGreaterThanOrEqualTo(0);
        (await BodyAsync(await SendAsync(HttpMethod.Get, ""))).ShouldContain("stokerUsage");
        // What was got may be sent back.
        (await SendAsync(HttpMethod.Patch, "/used", """{"stokerUsage":{"acceleratorSeconds":0},"displayName":"mine"}""")).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await SendAsync(HttpMethod.Patch, "/used?updateMask=stoker_usage", "{}")).StatusCode.ShouldBe(HttpStatusCode.BadRequest);

        var intervals = (await (await SendAsync(HttpMethod.Get, "/used:intervals")).Content.ReadFromJsonAsync(ApiJson.Default.ListReplicaIntervalsResponse, Cancellation)).ShouldNotBeNull();
        var interval = intervals.Intervals.ShouldHaveSingleItem();
        (interval.State, interval.AcceleratorType, interval.AcceleratorCount, interval.Region, interval.Reserved).ShouldBe(("RUNNING", "CPU", 1, "LOCAL", false));
        (await BodyAsync(await SendAsync(HttpMethod.Get, "/used:intervals?filter=state=\"ENDED\""))).ShouldContain("\"totalSize\":0");

        // It is stopped before the days are asked for: nothing at zero, and the sums stand still.
        await SendAsync(HttpMethod.Patch, "/used:scale", """{"replicaCount":0}""");
        await WhenAsync(snapshot => snapshot.Routes.Values.Single(route => route.Name.Deployment.ToString() == "used") is { Ready.Count: 0 });
        var days = (await (await SendAsync(HttpMethod.Get, "/used:usage")).Content.ReadFromJsonAsync(ApiJson.Default.ListDaysOfUseResponse, Cancellation)).ShouldNotBeNull();
        days.Days.ShouldAllBe(day => day.AcceleratorType == "CPU" && day.AcceleratorSeconds == day.ReplicaSeconds);
        var verified = (await (await SendAsync(HttpMethod.Get, "/used:verifyUsage")).Content.ReadFromJsonAsync(ApiJson.Default.VerifyUsageResponse, Cancellation)).ShouldNotBeNull();
        (verified.Consistent, verified.EventCount > 0).ShouldBe((true, true));
    }

    [Fact]
    public async Task Anothers_deployment_is_answered_like_a_missing_one()
    {
        var anothers = await _host.Admin.GetAsync("/v1/accounts/theirs/deployments/d", Cancellation);
        var missing = await SendAsync(HttpMethod.Get, "/d");
        anothers.StatusCode.ShouldBe(missing.StatusCode);
        (await BodyAsync(anothers)).Replace("accounts/theirs", _host.Account, StringComparison.Ordinal).ShouldBe(await BodyAsync(missing));
    }

    [Fact]
    public async Task What_a_removed_deployment_used_is_still_there()
    {
        var created = await ReadAsync(await SendAsync(HttpMethod.Post, "?deploymentId=gone", """{"baseModel":"story-3m","minReplicaCount":1}"""));
        await WhenReadyAsync("gone");
        (await SendAsync(HttpMethod.Delete, "/gone?hard=true&ignoreChecks=true")).StatusCode.ShouldBe(HttpStatusCode.OK);
        await WhenAsync(snapshot => snapshot.Routes.Count == 0);
        while ((await SendAsync(HttpMethod.Get, "/gone")).StatusCode != HttpStatusCode.NotFound) await Task.Yield();

        var answer = await _host.Admin.GetAsync($"/v1/{_host.Account}/usage?filter=accelerator_seconds>=0", Cancellation);
        var use = (await answer.Content.ReadFromJsonAsync(ApiJson.Default.ListUsageResponse, Cancellation)).ShouldNotBeNull().Usage.ShouldHaveSingleItem();
        (use.Deployment, use.CreateTime).ShouldBe(($"{_host.Account}/deployments/gone", created.CreateTime));
        var days = (await (await SendAsync(HttpMethod.Get, "/gone:usage")).Content.ReadFromJsonAsync(ApiJson.Default.ListDaysOfUseResponse, Cancellation)).ShouldNotBeNull();
        days.Days.Sum(day => day.AcceleratorSeconds).ShouldBe(use.AcceleratorSeconds);
        (await SendAsync(HttpMethod.Get, "/gone:intervals")).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await BodyAsync(await SendAsync(HttpMethod.Get, "/gone:verifyUsage"))).ShouldContain("\"consistent\":true");

        (await _host.Admin.GetAsync($"/v1/{_host.Account}/usage?day=today", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await _host.Admin.GetAsync("/v1/accounts/nobody/usage", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        using var stranger = new HttpClient { BaseAddress = _host.Admin.BaseAddress };
        (await stranger.GetAsync($"/v1/{_host.Account}/usage", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Without_a_key_nothing_is_read()
    {
        using var stranger = new HttpClient { BaseAddress = _host.Admin.BaseAddress };
        (await stranger.GetAsync($"/v1/{_host.Account}/deployments", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await stranger.PostAsync($"/v1/{_host.Account}/deployments", Body("{"), Cancellation)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task A_violation_is_told_in_the_details_too()
    {
        var answer = await SendAsync(HttpMethod.Post, "", """{"baseModel":"story-3m","minReplicaCount":-1}""");
        var body =
            (await answer.Content.ReadFromJsonAsync(ApiJson.Default.ProblemBody, Cancellation)).ShouldNotBeNull();
        body.Code.ShouldBe((int)Code.InvalidArgument);
        body.Details.Single().FieldViolations.ShouldNotBeNull().Single().Field.ShouldBe("min_replica_count");
    }

    [Theory]
    [InlineData("GET", "routers")]
    [InlineData("POST", "routers?routerId=r")]
    [InlineData("GET", "deploymentShapes/fast/versions/latest")]
    public async Task What_is_not_active_yet_is_refused_by_name(string method, string path)
    {
        using var request = new HttpRequestMessage(new(method), $"/v1/{_host.Account}/{path}");
        var answer = await _host.Admin.SendAsync(request, Cancellation);
        answer.StatusCode.ShouldBe(HttpStatusCode.NotImplemented);
        (await BodyAsync(answer)).ShouldContain($"{path.Split('/', '?')[0]} are not available");

        using var foreign = new HttpRequestMessage(new(method), $"/v1/accounts/nobody/{path}");
        (await _host.Admin.SendAsync(foreign, Cancellation)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_full_disk_is_told_and_is_no_bug()
    {
        var database = _host.Services.GetRequiredService<SqliteDatabase>();
        var pages = await database.WriteAsync(session => session.Scalar("PRAGMA page_count"), Cancellation);
        await database.WriteAsync(session => session.Scalar($"PRAGMA max_page_count = {pages}"), Cancellation);

        HttpResponseMessage answer;
        var made = 0; // what is free in the last pages takes a few
        do answer = await SendAsync(HttpMethod.Post, $"?deploymentId=d{made}", """{"baseModel":"story-3m","maxReplicaCount":0}""");
        while (answer.IsSuccessStatusCode && made++ < 100);

        answer.StatusCode.ShouldBe(HttpStatusCode.InsufficientStorage); // the server's disk, not the caller's quota
        (await BodyAsync(answer)).ShouldContain("disk of the data directory is full");
    }

    private Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string? body = null) => _host.Admin.SendAsync(
        new(method, $"/v1/{_host.Account}/deployments{path}") { Content = body is null ? null : Body(body) }, Cancellation);

    private static StringContent Body(string json) => new(json, Encoding.UTF8, "application/json");

    private static Task<string> BodyAsync(HttpResponseMessage answer) => answer.Content.ReadAsStringAsync(Cancellation);

    private static async Task<DeploymentResource> ReadAsync(HttpResponseMessage answer)
    {
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, await BodyAsync(answer));
        return (await answer.Content.ReadFromJsonAsync(ApiJson.Default.DeploymentResource, Cancellation)).ShouldNotBeNull();
    }

    private async Task<ListDeploymentsResponse> ListAsync(string query)
    {
        var answer = await SendAsync(HttpMethod.Get, query);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, await BodyAsync(answer));
        return (await answer.Content.ReadFromJsonAsync(ApiJson.Default.ListDeploymentsResponse, Cancellation)).ShouldNotBeNull();
    }

    /// <summary>The status says READY a moment after the route is there.</summary>
    private async Task WhenReadyAsync(string id)
    {
        var name = DeploymentName.Parse($"{_host.Account}/deployments/{id}");
        await WhenAsync(snapshot => snapshot.Routes.TryGetValue(name, out var route) && route.Ready.Count == 1);
        var store = _host.Services.GetRequiredService<DeploymentStore>();
        while ((await store.FindAsync(name, Cancellation))?.Deployment.Status.State != DeploymentState.Ready) await Task.Yield();
    }

    /// <summary>Waits for the directory's own signal.</summary>
    private async Task WhenAsync(Func<ReplicaSnapshot, bool> condition)
    {
        var directory = _host.Services.GetRequiredService<ReplicaDirectory>();
        while (true)
        {
            var changed = directory.Changed;
            if (condition(directory.Current)) return;
            await changed.WaitAsync(Cancellation);
        }
    }
}
