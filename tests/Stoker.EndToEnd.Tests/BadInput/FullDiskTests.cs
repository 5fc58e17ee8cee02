using System.Net.Http.Json;
using Stoker.Api;
using Stoker.Api.Resources;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests.BadInput;

/// <summary>A real server whose store can take nothing more.</summary>
public class FullDiskTests
{
    private static readonly Dictionary<string, string> Simulated = new() { ["Stoker__Runtime__Engine"] = "simulated" };

    [Fact]
    public async Task It_is_told_with_its_cause_costs_no_answer_and_nothing_that_was_acknowledged()
    {
        using var sandbox = new Sandbox();
        var acknowledged = new List<string>();
        await using (var server = await StokerServerProcess.StartLimitedAsync(sandbox, Simulated))
        {
            await server.DeployAsync("d");
            var replica = ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem().Id;
            FileSizeLimit.Set(server.ProcessId, Log(sandbox).Length + 4096);

            // What is left takes a few, and then no more.
            var refused = await FillAsync(server, acknowledged);
            ((int)refused.Status).ShouldBeInRange(500, 599, refused.Body);
            refused.Body.ShouldContain("store", Case.Insensitive);
            refused.Body.ShouldNotContain("SqliteException"); // a cause, no stack

            // Answers do not need the store, and reads do not write.
            for (var request = 0; request < 3; request++) (await AnswersAsync(server)).ShouldBeTrue();
            (await server.GetAsync("d")).State.ShouldBe("READY");
            (await CreateAsync(server, "refused-again")).Status.ShouldBe(refused.Status);

            FileSizeLimit.Lift(server.ProcessId);
            await Patience.UntilAsync(async () => (await CreateAsync(server, "after")).Status, status => (int)status is 200 or 409, "room again");
            acknowledged.Add("after");
            await ShouldHaveAsync(server, acknowledged);
            ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem().Id.ShouldBe(replica);

            // The controllers go on too: what is asked now is carried out.
            using var deleted = await server.Http.DeleteAsync("v1/accounts/default/deployments/after?hard=true", TestContext.Current.CancellationToken);
            await Patience.UntilAsync(() => IsThereAsync(server, "after"), there => !there, "a deployment that is removed");
            acknowledged.Remove("after");
            await server.KillAsync();
        }

        await using var next = await StokerServerProcess.StartAsync(sandbox, Simulated);
        await next.ReadyAsync("d");
        await ShouldHaveAsync(next, acknowledged);
        (await FirectlRun.OfAsync(sandbox, "deployment", "verify-usage", "d")).ShouldEndWith(0, "Consistent: true");
    }

    private static FileInfo Log(Sandbox sandbox) => new(Path.Combine(sandbox.Data, "stoker.db-wal"));

    /// <returns>The first refusal.</returns>
    private static async Task<(System.Net.HttpStatusCode Status, string Body)> FillAsync(StokerServerProcess server, List<string> acknowledged)
    {
        for (var number = 0; number < 100; number++)
        {
            var answer = await CreateAsync(server, $"parked-{number}");
            if ((int)answer.Status != 200) return answer;
            acknowledged.Add($"parked-{number}");
        }

        throw new InvalidOperationException("The limit is none");
    }

    private static async Task<(System.Net.HttpStatusCode Status, string Body)> CreateAsync(StokerServerProcess server, string id)
    {
        var asked = new DeploymentResource { BaseModel = "story-3m", MaxReplicaCount = 0 };
        using var answer = await server.Http.PostAsJsonAsync($"v1/accounts/default/deployments?deploymentId={id}", asked, ApiJson.Default.DeploymentResource);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    private static async Task<bool> AnswersAsync(StokerServerProcess server)
    {
        using var answer = await server.Http.PostAsJsonAsync(
            "inference/v1/completions", new { model = StokerServerProcess.Address("d"), prompt = "Once", max_tokens = 1 });
        return answer.IsSuccessStatusCode;
    }

    private static async Task<bool> IsThereAsync(StokerServerProcess server, string id)
    {
        using var answer = await server.Http.GetAsync($"v1/accounts/default/deployments/{id}");
        return answer.IsSuccessStatusCode;
    }

    private static async Task ShouldHaveAsync(StokerServerProcess server, IEnumerable<string> acknowledged)
    {
        var listed = await server.Http.GetFromJsonAsync("v1/accounts/default/deployments?pageSize=200", ApiJson.Default.ListDeploymentsResponse);
        listed!.Deployments.Select(deployment => deployment.Name!.Split('/')[^1]).ShouldBe([.. acknowledged, "d"], ignoreOrder: true);
    }
}
