using System.Text.Json.Nodes;
using Stoker.EndToEnd.Tests.Harness;
using Stoker.Testing;

namespace Stoker.EndToEnd.Tests;

/// <summary>LoRA addons on live replicas, with real processes and the addons of the library.</summary>
public class AddonTests
{
    private const string Zog = "accounts/fireworks/models/story-3m-lora-zog", Bolt = "accounts/fireworks/models/story-3m-lora-bolt";
    private const string Base = "accounts/default/deployments/d";

    [Fact]
    public async Task Addons_come_and_go_while_the_base_model_serves_and_outlive_a_killed_replica_and_a_killed_server()
    {
        using var sandbox = new Sandbox();
        string plain, zog;
        await using (var server = await StokerServerProcess.StartAsync(sandbox))
        {
            await CreateAsync(sandbox);
            plain = await AskAsync(server, Base);
            (await StatusAsync(server, Zog)).ShouldBe(404);
            var process = ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem();

            (await FirectlRun.OfAsync(sandbox, "deploy", "story-3m-lora-zog", "--deployment", "d", "--wait")).ShouldEndWith(0, "State: DEPLOYED");
            (await FirectlRun.OfAsync(sandbox, "load-lora", "story-3m-lora-bolt", "--deployment", "d", "--wait")).ShouldEndWith(0, "State: DEPLOYED");
            zog = await AskAsync(server, Zog);
            zog.ShouldContain("a hungry dragon named Zog");
            (await AskAsync(server, $"{Bolt}#{Base}")).ShouldContain("a small robot named Bolt");
            (await AskAsync(server, Base)).ShouldBe(plain);
            ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem().Id.ShouldBe(process.Id); // without a restart

            process.Kill();
            await Patience.UntilAsync(
                () => Task.FromResult(ReplicaProcesses.Under(sandbox.Root)), now => now.Any(other => other.Id != process.Id), "a new replica");
            (await AskAsync(server, Zog)).ShouldBe(zog); // held until the new one has it
            await server.KillAsync();
        }

        await using var second = await StokerServerProcess.StartAsync(sandbox);
        (await AskAsync(second, Zog)).ShouldBe(zog);
        (await FirectlRun.OfAsync(sandbox, "undeploy", "story-3m-lora-zog", "--wait")).ShouldEndWith(0);
        (await StatusAsync(second, Zog)).ShouldBe(404);
        (await AskAsync(second, Bolt)).ShouldContain("a small robot named Bolt");
        (await AskAsync(second, Base)).ShouldBe(plain);
    }

    [Fact]
    public async Task Who_unloads_them_at_the_replica_itself_costs_no_client_an_error()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox);
        await CreateAsync(sandbox);
        var answers = new Dictionary<string, string>();
        foreach (var addon in new[] { Zog, Bolt })
        {
            (await FirectlRun.OfAsync(sandbox, "deploy", addon, "--deployment", "d", "--wait")).ShouldEndWith(0);
            answers[addon] = await AskAsync(server, addon);
        }

        var there = JsonNode.Parse(await ReplicaSocket.GetAsync(sandbox, "/stoker/v1/addons"))!["addons"]!.AsArray();
        there.Count.ShouldBe(2);
        foreach (var addon in there)
        {
            await ReplicaSocket.PostAsync(sandbox, "/v1/unload_lora_adapter", new JsonObject { ["lora_name"] = addon!["name"]!.GetValue<string>() }.ToJsonString());
        }

        var crowd = await Task.WhenAll(Enumerable.Range(0, 8).Select(index => AskAsync(server, index % 2 == 0 ? Zog : Bolt)));
        for (var index = 0; index < crowd.Length; index++) crowd[index].ShouldBe(answers[index % 2 == 0 ? Zog : Bolt]);
        JsonNode.Parse(await ReplicaSocket.GetAsync(sandbox, "/stoker/v1/addons"))!["addons"]!.AsArray().Count.ShouldBe(2);
    }

    [Fact]
    public async Task Files_that_were_cut_since_their_upload_end_in_failed_and_harm_nobody()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox);
        await CreateAsync(sandbox);
        var folder = Path.Combine(sandbox.Root, "mine");
        Directory.CreateDirectory(folder);
        foreach (var file in Directory.GetFiles(TestData.Model("story-3m-lora-bolt"))) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        (await FirectlRun.OfAsync(sandbox, "create", "model", "mine", folder, "--base-model", "story-3m")).ShouldEndWith(0);
        var stored = Directory.GetFiles(sandbox.Root, "adapter_model.safetensors", SearchOption.AllDirectories).Single(path => !path.StartsWith(folder, StringComparison.Ordinal));
        await using (var file = new FileStream(stored, FileMode.Open)) file.SetLength(file.Length / 2);

        (await FirectlRun.OfAsync(sandbox, "deploy", "mine", "--deployment", "d", "--wait")).ExitCode.ShouldNotBe(0);
        (await StatusAsync(server, "accounts/default/models/mine")).ShouldBe(412);
        (await AskAsync(server, Base)).ShouldNotBeEmpty();
    }

    [Fact]
    public async Task An_addon_in_a_deployment_of_its_own_is_merged_and_keeps_its_base()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox);
        var (prompt, text, tokens) = Golden();
        (await FirectlRun.OfAsync(sandbox, "create", "model", "mine", TestData.Model("story-3m-lora-zog"), "--base-model", "story-3m")).ShouldEndWith(0);
        (await FirectlRun.OfAsync(sandbox, "create", "deployment", "mine", "--deployment-id", "d", "--min-replica-count", "1", "--wait")).ShouldEndWith(0);

        const string Mine = "accounts/default/models/mine";
        var shown = await server.GetAsync("d");
        (shown.BaseModel, shown.StokerLiveMerge).ShouldBe((Mine, new() { BaseModel = "accounts/fireworks/models/story-3m", Addon = Mine }));
        foreach (var name in (string[])[Mine, $"{Mine}#{Base}", "default/mine#default/d", Base])
        {
            var body = new JsonObject { ["model"] = name, ["prompt"] = prompt, ["max_tokens"] = tokens, ["temperature"] = 0, ["ignore_eos"] = true };
            var answer = await RawHttp.PostAsync(server, "/inference/v1/completions", body.ToJsonString());
            answer.Status.ShouldBe(200, answer.Text);
            (answer.Json["model"]!.GetValue<string>(), answer.Json["choices"]![0]!["text"]!.GetValue<string>()).ShouldBe((name, text));
        }

        (await StatusAsync(server, $"accounts/fireworks/models/story-3m#{Base}")).ShouldBe(404); // the base is gone from there
        (await FirectlRun.OfAsync(sandbox, "delete", "model", "mine")).ShouldEndWith(6, Base);
        (await FirectlRun.OfAsync(sandbox, "deploy", "story-3m-lora-bolt", "--deployment", "d")).ExitCode.ShouldNotBe(0);

        // Without preparing: merged weights are packed at the start.
        (await FirectlRun.OfAsync(sandbox, "create", "deployment", "mine", "--deployment-id", "small", "--precision", "FP8", "--kv-precision", "FP8", "--min-replica-count", "1", "--wait")).ShouldEndWith(0);
        (await AskAsync(server, $"{Mine}#accounts/default/deployments/small")).ShouldContain("Zog");
        (await server.GetAsync("small")).StokerKvPrecision.ShouldBe("FP8");
        ReplicaProcesses.CommandLines(sandbox.Root).ShouldContain(line => line.Contains(" --precision fp8 --kv-precision fp8 "));
    }

    /// <summary>The reference's answer of the merged model, to a prompt whose tokens are far from any tie.</summary>
    private static (string Prompt, string Text, int Tokens) Golden()
    {
        var prompts = JsonNode.Parse(File.ReadAllText(TestData.Golden("story-3m-lora-zog")))!["prompts"]!.AsArray();
        var prompt = prompts.First(prompt => prompt!["chat"] is null && prompt["greedy_min_top2_gap"]!.GetValue<double>() > 0.1)!;
        return (prompt["text"]!.GetValue<string>(), prompt["greedy_text"]!.GetValue<string>(), prompt["greedy_ids"]!.AsArray().Count);
    }

    private static async Task CreateAsync(Sandbox sandbox) =>
        (await FirectlRun.OfAsync(sandbox, "create", "deployment", "story-3m", "--deployment-id", "d", "--enable-addons", "--min-replica-count", "1", "--wait")).ShouldEndWith(0);

    private static async Task<string> AskAsync(StokerServerProcess server, string model)
    {
        var answer = await RawHttp.PostAsync(server, "/inference/v1/completions", Body(model));
        answer.Status.ShouldBe(200, answer.Text);
        answer.Json["model"]!.GetValue<string>().ShouldBe(model);
        return answer.Json["choices"]![0]!["text"]!.GetValue<string>();
    }

    private static async Task<int> StatusAsync(StokerServerProcess server, string model) =>
        (await RawHttp.PostAsync(server, "/inference/v1/completions", Body(model))).Status;

    private static string Body(string model) =>
        new JsonObject { ["model"] = model, ["prompt"] = "Once upon a time", ["max_tokens"] = 24, ["temperature"] = 0 }.ToJsonString();
}
