using System.Net.Http.Json;
using Stoker.Api;
using Stoker.Api.Resources;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests.BadInput;

/// <summary>What cannot be asked of a deployment, and what is asked at the wrong moment.</summary>
public class DeploymentWishTests(DeployedServer deployed) : IClassFixture<DeployedServer>
{
    private const string Deployments = "/v1/accounts/default/deployments";

    private StokerServerProcess Server => deployed.Server;

    [Theory]
    [InlineData("""{"minReplicaCount":3,"maxReplicaCount":2}""", "max_replica_count must be at least")]
    [InlineData("""{"minReplicaCount":-1}""", "min_replica_count must be at least 0, was -1")]
    [InlineData("""{"autoscalingPolicy":{"scaleUpWindow":"3601s"}}""", "scale_up_window")]
    [InlineData("""{"autoscalingPolicy":{"scaleUpWindow":"-1s"}}""", "scale_up_window")]
    [InlineData("""{"autoscalingPolicy":{"scaleDownWindow":"2h"}}""", "scale_down_window")]
    [InlineData("""{"autoscalingPolicy":{"scaleToZeroWindow":"299s"}}""", "scale_to_zero_window")]
    [InlineData("""{"autoscalingPolicy":{"scaleToZeroWindow":"soon"}}""", "scale_to_zero_window")]
    [InlineData("""{"autoscalingPolicy":{"loadTargets":{"default":0}}}""", "load_targets")]
    [InlineData("""{"autoscalingPolicy":{"loadTargets":{"feeling":1}}}""", "feeling")]
    public async Task Counts_and_windows_out_of_range_are_refused_at_creation_and_later(string body, string cause)
    {
        await ShouldBeRefusedAsync("POST", Deployments, body.Replace("{\"m", "{\"baseModel\":\"story-3m\",\"m").Replace("{\"a", "{\"baseModel\":\"story-3m\",\"a"), 400, cause);
        await ShouldBeRefusedAsync("PATCH", $"{Deployments}/d", body, 400, cause);
    }

    [Theory]
    [InlineData("""{"baseModel":"story-3m","placement":{"region":"ATLANTIS_1"}}""", "ATLANTIS_1")]
    [InlineData("""{"baseModel":"story-3m","placement":{"region":"US_IOWA_1"}}""", "LOCAL")] // known, not here
    [InlineData("""{"baseModel":"story-3m","placement":{"multiRegion":"MOON"}}""", "MOON")]
    [InlineData("""{"baseModel":"story-3m","acceleratorType":"NVIDIA_H100_80GB"}""", "accelerator_type")]
    [InlineData("""{"baseModel":"story-3m","acceleratorType":"ABACUS"}""", "accelerator_type")]
    [InlineData("""{"baseModel":"story-3m","acceleratorCount":64}""", "accelerator_count")] // more than the region has
    public async Task What_the_inventory_lacks_is_refused_with_what_there_is(string body, string cause) =>
        await ShouldBeRefusedAsync("POST", Deployments, body, 400, cause);

    [Theory]
    [InlineData("""{"baseModel":"accounts/fireworks/models/other"}""", "base_model")]
    [InlineData("""{"region":"US_IOWA_1"}""", "create another deployment")]
    [InlineData("""{"placement":{"region":"US_IOWA_1"}}""", "create another deployment")]
    public async Task What_never_changes_is_refused(string body, string cause) =>
        await ShouldBeRefusedAsync("PATCH", $"{Deployments}/d", body, 400, cause);

    [Theory]
    [InlineData("{}", "is required")]
    [InlineData("""{"replicaCount":2}""", "from 0 to 1")]
    [InlineData("""{"replicaCount":-1}""", "from 0 to 1")]
    public async Task A_count_by_hand_stays_within_the_bounds(string body, string cause) =>
        await ShouldBeRefusedAsync("PATCH", $"{Deployments}/d:scale", body, 400, cause);

    [Fact]
    public async Task A_count_beyond_the_quota_is_refused_with_the_quota()
    {
        (await FirectlRun.OfAsync(deployed.Sandbox, "update", "quota", "global--cpu-count", "--value", "1")).ShouldEndWith(0);
        try
        {
            await ShouldBeRefusedAsync("PATCH", $"{Deployments}/d", """{"minReplicaCount":2,"maxReplicaCount":2}""", 429, "quota: 1");
        }
        finally
        {
            (await FirectlRun.OfAsync(deployed.Sandbox, "update", "quota", "global--cpu-count", "--value", "1000")).ShouldEndWith(0);
        }
    }

    [Fact]
    public async Task A_deletion_in_the_middle_of_a_creation_leaves_nothing()
    {
        for (var round = 0; round < 3; round++)
        {
            var created = await RawHttp.PostAsync(Server, $"{Deployments}?deploymentId=short", """{"baseModel":"story-3m","minReplicaCount":2}""");
            created.Status.ShouldBe(200, created.Text);
            if (round > 0) await Patience.UntilAsync(() => Task.FromResult(ReplicaProcesses.Under(deployed.Sandbox.Root).Count), count => count > 1, "the first processes");
            (await RawHttp.SendAsync(Server, "DELETE", $"{Deployments}/short?hard=true", null)).Status.ShouldBe(200);
            await Patience.UntilAsync(
                async () => (await RawHttp.SendAsync(Server, "GET", $"{Deployments}/short", null)).Status, status => status == 404, "a deployment that is gone");
            ReplicaProcesses.Under(deployed.Sandbox.Root).ShouldHaveSingleItem(); // d's own
        }
    }

    [Fact]
    public async Task Of_updates_at_the_same_time_none_that_was_acknowledged_is_lost()
    {
        (await RawHttp.PostAsync(Server, $"{Deployments}?deploymentId=busy", """{"baseModel":"story-3m","maxReplicaCount":0}""")).Status.ShouldBe(200);
        for (var round = 0; round < 10; round++)
        {
            // Different fields: both stand. One field: one of the two, and who lost was told so or came first.
            var (names, words) = ($"name {round}", new[] { $"one {round}", $"two {round}" });
            var answers = await Task.WhenAll(
                PatchAsync(new() { DisplayName = names }), PatchAsync(new() { Description = words[0] }), PatchAsync(new() { Description = words[1] }));
            answers.ShouldAllBe(status => status == 200 || status == 409);
            var shown = await Server.GetAsync("busy");
            if (answers[0] == 200) shown.DisplayName.ShouldBe(names);
            if (answers[1] == 200 || answers[2] == 200) shown.Description.ShouldBeOneOf([.. words.Where((_, index) => answers[index + 1] == 200)]);
        }

        (await RawHttp.SendAsync(Server, "DELETE", $"{Deployments}/busy?hard=true", null)).Status.ShouldBe(200);
    }

    private async Task<int> PatchAsync(DeploymentResource patch)
    {
        using var answer = await Server.Http.PatchAsJsonAsync($"{Deployments}/busy", patch, ApiJson.Default.DeploymentResource);
        return (int)answer.StatusCode;
    }

    private async Task ShouldBeRefusedAsync(string method, string target, string body, int status, string cause)
    {
        var before = await Server.GetAsync("d");
        var answer = await RawHttp.SendAsync(Server, method, target, System.Text.Encoding.UTF8.GetBytes(body));
        answer.Status.ShouldBe(status, answer.Text);
        answer.Json["message"]!.GetValue<string>().ShouldContain(cause);
        var after = await Server.GetAsync("d");
        (after with { StokerUsage = before.StokerUsage, ReplicaStats = before.ReplicaStats, AutoscalingPolicy = before.AutoscalingPolicy, Placement = before.Placement })
            .ShouldBe(before); // as it was, in all that it was asked to be
    }
}
