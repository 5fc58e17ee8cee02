using System.Net.Http.Json;
using Stoker.Api;
using Stoker.Api.Resources;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests;

/// <summary>The real server with simulated replicas, short windows and real streams.</summary>
public class AutoscalingTests
{
    private static readonly Dictionary<string, string> Simulated = new() { ["Stoker__Runtime__Engine"] = "simulated" };

    [Fact]
    public async Task Replicas_come_with_the_streams_and_go_with_them()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox, Simulated);
        await CreateAsync(server, new()
        {
            BaseModel = "accounts/fireworks/models/story-3m",
            MaxReplicaCount = 3,
            AutoscalingPolicy = new()
            {
                ScaleUpWindow = "1s",
                ScaleDownWindow = "2s",
                LoadTargets = new Dictionary<string, double> { ["concurrent_requests"] = 2 },
            },
        });

        var streams = new List<EventStream>();
        try
        {
            // 900 tokens at 50 a second: they run until the test hangs up.
            for (var i = 0; i < 5; i++) streams.Add(await EventStream.OpenAsync(server.Http, StokerServerProcess.Address("d"), "Once", maxTokens: 900));
            await Patience.UntilAsync(() => server.GetAsync("d"), deployment => deployment.ReplicaStats?.ReadyReplicaCount == 3, "three replicas");
        }
        finally
        {
            streams.ForEach(stream => stream.Dispose());
        }

        await Patience.UntilAsync(() => server.GetAsync("d"), deployment => deployment is { ReplicaCount: 1, DesiredReplicaCount: 1 }, "one replica");
        var why = await Patience.UntilAsync(() => ExplainAsync(server), answer => answer.Decisions.Any(decision => decision.Cause == "LOAD_FELL"), "the reason");
        why.Decisions[^1].Cause.ShouldBe("CREATED");
        var up = why.Decisions.First(decision => decision.Cause == "LOAD_LASTED");
        up.Inputs.RunningRequests.ShouldBeGreaterThan(2);
        up.Reason.ShouldContain("concurrent requests at 2 a replica");
        why.Now.ShouldNotBeNull().DesiredReplicaCount.ShouldBe(1);
    }

    [Fact]
    public async Task Under_auto_replicas_follow_a_jump_of_the_load()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox, Simulated);
        await CreateAsync(server, new()
        {
            BaseModel = "accounts/fireworks/models/story-3m",
            MaxReplicaCount = 2, // a jump from one asks for two at least, in whatever part of a second it came
            AutoscalingPolicy = new() { AutoscalingMode = "AUTO", LoadTargets = new Dictionary<string, double> { ["concurrent_requests"] = 2 } },
        });

        var streams = new List<EventStream>();
        try
        {
            for (var i = 0; i < 5; i++) streams.Add(await EventStream.OpenAsync(server.Http, StokerServerProcess.Address("d"), "Once", maxTokens: 900));
            await Patience.UntilAsync(() => server.GetAsync("d"), deployment => deployment.ReplicaStats?.ReadyReplicaCount == 2, "two replicas");
        }
        finally
        {
            streams.ForEach(stream => stream.Dispose());
        }

        var why = await Patience.UntilAsync(() => ExplainAsync(server), answer => answer.Decisions[0].DesiredReplicaCount == 2, "the reason");
        why.Decisions[0].Cause.ShouldBe("LOAD_JUMPED");
        why.Decisions[0].Reason.ShouldStartWith("a jump: for 5s ");
    }

    [Fact]
    public async Task A_restarted_server_knows_count_and_reasons()
    {
        using var sandbox = new Sandbox();
        await using (var first = await StokerServerProcess.StartAsync(sandbox, Simulated))
        {
            await CreateAsync(first, new() { BaseModel = "accounts/fireworks/models/story-3m", MaxReplicaCount = 3 });
            using var scaled = await first.Http.PatchAsJsonAsync(
                "v1/accounts/default/deployments/d:scale",
                new ScaleDeploymentRequest(2),
                ApiJson.Default.ScaleDeploymentRequest,
                TestContext.Current.CancellationToken);
            scaled.IsSuccessStatusCode.ShouldBeTrue();
            await Patience.UntilAsync(() => first.GetAsync("d"), deployment => deployment.ReplicaStats?.ReadyReplicaCount == 2, "two replicas");
            await Patience.UntilAsync(() => ExplainAsync(first), answer => answer.Decisions[0].Cause == "BY_HAND", "the reason");
            await first.KillAsync();
        }

        await using var second = await StokerServerProcess.StartAsync(sandbox, Simulated);
        await Patience.UntilAsync(() => second.GetAsync("d"), deployment => deployment.ReplicaStats?.ReadyReplicaCount == 2, "two replicas again");
        var why = await Patience.UntilAsync(() => ExplainAsync(second), answer => answer.Now is not null, "a look at the load");
        why.Decisions.Select(decision => decision.Cause).ShouldBe(["BY_HAND", "CREATED"]);
        why.DesiredReplicaCount.ShouldBe(2);
    }

    private static async Task CreateAsync(StokerServerProcess server, DeploymentResource asked)
    {
        using var created = await server.Http.PostAsJsonAsync(
            "v1/accounts/default/deployments?deploymentId=d", asked, ApiJson.Default.DeploymentResource);
        created.IsSuccessStatusCode.ShouldBeTrue(await created.Content.ReadAsStringAsync());
        await server.ReadyAsync("d");
    }

    private static async Task<ExplainDeploymentResponse> ExplainAsync(StokerServerProcess server) =>
        (await server.Http.GetFromJsonAsync("v1/accounts/default/deployments/d:explain", ApiJson.Default.ExplainDeploymentResponse))!;
}
