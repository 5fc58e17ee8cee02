using System.Text.Json.Nodes;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests;

/// <summary>A deployment for long prompts with a real server and real replicas.</summary>
public class LongPromptTests
{
    private const string Flag = " --long-prompt ";

    private static readonly Dictionary<string, string> FourCores = new()
    {
        ["Stoker__Capacity__Slots"] = "4", // an update starts the new replica beside the old one
    };

    [Fact]
    public async Task Its_replicas_are_started_so_until_an_update_turns_it_off_and_answers_stay_the_same()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox, FourCores);
        (await FirectlRun.OfAsync(sandbox, "create", "deployment", "story-3m", "--deployment-id", "long", "--long-prompt", "--min-replica-count", "1", "--wait")).ShouldEndWith(0);
        ReplicaProcesses.CommandLines(sandbox.Root).ShouldHaveSingleItem().ShouldContain(Flag);
        var answer = await AskAsync(server);

        (await FirectlRun.OfAsync(sandbox, "update", "deployment", "long", "--long-prompt=false")).ShouldEndWith(0);
        await Patience.UntilAsync(
            () => Task.FromResult(ReplicaProcesses.CommandLines(sandbox.Root)), lines => lines.Count == 1 && !lines[0].Contains(Flag), "the replica without it alone");
        (await AskAsync(server)).ShouldBe(answer);
    }

    private static async Task<string> AskAsync(StokerServerProcess server)
    {
        var body = new JsonObject { ["model"] = "accounts/default/deployments/long", ["prompt"] = "Once upon a time", ["max_tokens"] = 24, ["temperature"] = 0 };
        var answer = await RawHttp.PostAsync(server, "/inference/v1/completions", body.ToJsonString());
        answer.Status.ShouldBe(200, answer.Text);
        return answer.Json["choices"]![0]!["text"]!.GetValue<string>();
    }
}
