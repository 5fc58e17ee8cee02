using System.Diagnostics;
using System.Net.Http.Json;
using Stoker.Api;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Metering;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests;

/// <summary>The ledger of real processes that are killed for real, against a stopwatch.</summary>
public class MeteringTests
{
    private static readonly Dictionary<string, string> Simulated = new() { ["Stoker__Runtime__Engine"] = "simulated" };

    [Fact]
    public async Task The_ledger_is_right_when_servers_and_replicas_are_killed()
    {
        using var sandbox = new Sandbox();
        var asked = Stopwatch.GetTimestamp(); // no replica is ready before
        long ready;
        ReplicaIntervalResource first;
        await using (var server = await StokerServerProcess.StartAsync(sandbox, Simulated))
        {
            await server.DeployAsync("d");
            ready = Stopwatch.GetTimestamp();
            first = (await WhenAsync(server, seen => seen[0].ReplicaSeconds > 3, "a proof of life at a beat"))[0];
            await server.KillAsync();
        }

        // The replica outlives its server, and its time goes on.
        await using (var server = await StokerServerProcess.StartAsync(sandbox, Simulated))
        {
            var resumed = (await WhenAsync(server, seen => seen[^1].ReplicaSeconds > first.ReplicaSeconds, "more seconds of the adopted replica")).ShouldHaveSingleItem();
            (resumed.Replica, resumed.State, resumed.StartTime).ShouldBe((first.Replica, "RUNNING", first.StartTime));

            // Killed while a server looks: its end is seen, and another replica begins.
            var alive = Stopwatch.GetElapsedTime(ready);
            ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem().Kill();
            var intervals = await WhenAsync(server, seen => seen is [{ State: "ENDED" }, { State: "RUNNING" }], "the killed replica ended, another one ready");
            intervals[0].ReplicaSeconds.ShouldNotBeNull().ShouldBeInRange((alive - LedgerRule.Heartbeat).TotalSeconds, Stopwatch.GetElapsedTime(asked).TotalSeconds);
            intervals[1].StartTime.ShouldNotBeNull().ShouldBeGreaterThanOrEqualTo(intervals[0].EndTime.ShouldNotBeNull());
            await WhenAsync(server, seen => seen[^1].ReplicaSeconds > 3, "a proof of life of the second replica");
            await server.KillAsync();
        }

        // Killed while nobody looks: what is lost is what the heartbeat says.
        var begun = Stopwatch.GetElapsedTime(ready);
        ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem().Kill();
        await Patience.UntilAsync(() => Task.FromResult(ReplicaProcesses.Under(sandbox.Root).Count), count => count == 0, "no replica");
        await using var last = await StokerServerProcess.StartAsync(sandbox, Simulated);
        var all = await WhenAsync(last, seen => seen.Count == 3, "the replica that was killed with its server ended, another one ready");
        all.Select(interval => interval.State).ShouldBe(["ENDED", "ENDED", "RUNNING"]);
        all[1].ReplicaSeconds.ShouldNotBeNull().ShouldBeInRange(3, begun.TotalSeconds);

        // Nothing at zero.
        using var scaled = await last.Http.PatchAsJsonAsync(
            "v1/accounts/default/deployments/d:scale", new ScaleDeploymentRequest(0), ApiJson.Default.ScaleDeploymentRequest, TestContext.Current.CancellationToken);
        scaled.IsSuccessStatusCode.ShouldBeTrue();
        var ended = await WhenAsync(last, seen => seen.All(interval => interval.State == "ENDED"), "all ended");
        var total = (await last.GetAsync("d")).StokerUsage.ShouldNotBeNull().AcceleratorSeconds.ShouldNotBeNull();
        total.ShouldBe(ended.Sum(interval => interval.AcceleratorSeconds!.Value), tolerance: 1e-6);
        (await FirectlRun.OfAsync(sandbox, "get", "deployment", "d")).ShouldEndWith(0, "Accelerator Seconds: ");
        (await FirectlRun.OfAsync(sandbox, "deployment", "usage", "d")).ShouldEndWith(0, "CPU");
        (await FirectlRun.OfAsync(sandbox, "deployment", "usage", "d", "--intervals")).ShouldEndWith(0, ended[0].Replica!);
        (await FirectlRun.OfAsync(sandbox, "deployment", "verify-usage", "d")).ShouldEndWith(0, "Consistent: true");
        (await last.GetAsync("d")).StokerUsage!.AcceleratorSeconds.ShouldBe(total);
    }

    private static Task<IReadOnlyList<ReplicaIntervalResource>> WhenAsync(
        StokerServerProcess server, Func<IReadOnlyList<ReplicaIntervalResource>, bool> fits, string what) => Patience.UntilAsync(
        async () => (await server.Http.GetFromJsonAsync("v1/accounts/default/deployments/d:intervals", ApiJson.Default.ListReplicaIntervalsResponse))!.Intervals,
        intervals => intervals.Count > 0 && fits(intervals),
        what);
}
