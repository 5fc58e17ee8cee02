using System.Text;
using System.Text.Json.Nodes;
using Stoker.EndToEnd.Tests.Harness;
using Stoker.Testing;

namespace Stoker.EndToEnd.Tests.BadInput;

/// <summary>Addons that cannot be used, brought by firectl: refused when they come, with cause and next step, and nobody who is served notices.</summary>
public class AddonFilesTests
{
    private const string Config = "adapter_config.json", Weights = "adapter_model.safetensors";

    [Fact]
    public async Task What_cannot_be_used_is_refused_when_it_comes_and_harms_no_running_deployment()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox);
        (await FirectlRun.OfAsync(sandbox, "create", "deployment", "story-3m", "--deployment-id", "d", "--enable-addons", "--min-replica-count", "1", "--wait")).ShouldEndWith(0);
        (await FirectlRun.OfAsync(sandbox, "deploy", "story-3m-lora-zog", "--deployment", "d", "--wait")).ShouldEndWith(0);
        var (plain, zog) = (await AskAsync(server, "accounts/default/deployments/d"), await AskAsync(server, "accounts/fireworks/models/story-3m-lora-zog"));
        const string mend = "mend the files and run: firectl upload model";

        await RefusedAsync("too-wide", folder => Change(folder, config => config["r"] = 128), "peft_details.r must be 4 to 64, was 128");
        await RefusedAsync("misfit", _ => { }, "the base model's is [", mend, baseModel: "story-draft-400k");
        await RefusedAsync("cut", folder => Cut(folder), Weights, mend);
        await RefusedAsync("stray", folder => Rename(folder, "layers.6.", "layers.9."), "is not a module of the base model", mend);
        await RefusedAsync("expert", folder => Rename(folder, "self_attn", "self_xttn"), "and no experts of a mixture", mend);
        await RefusedAsync("nan", Spoil, "lora_A.weight: row 0 holds NaN", mend);
        await RefusedAsync("look-around", folder => Change(folder, config => config["target_modules"] = "(?!x).*[qv]_proj"), "name modules in plain letters", mend);
        await RefusedAsync("all-linear", folder => Change(folder, config => config["target_modules"] = "all-linear"), "is a target of adapter_config.json, but its tensors are missing", mend);
        await RefusedAsync("scaled", folder => Change(folder, config => config["use_dora"] = true), "use_dora", mend);

        // An expression that fits, as a replica would take it.
        var fitting = Copy(sandbox, "expression");
        Change(fitting, config => config["target_modules"] = @".*\.self_attn\.[qv]_proj");
        (await FirectlRun.OfAsync(sandbox, "create", "model", "expression", fitting, "--base-model", "story-3m")).ShouldEndWith(0, "READY");
        (await FirectlRun.OfAsync(sandbox, "deploy", "expression", "--deployment", "d", "--wait")).ShouldEndWith(0);

        async Task RefusedAsync(string id, Action<string> spoil, string cause, string? next = null, string baseModel = "story-3m")
        {
            var folder = Copy(sandbox, id);
            spoil(folder);
            var create = await FirectlRun.OfAsync(sandbox, "create", "model", id, folder, "--base-model", baseModel);
            create.ExitCode.ShouldNotBe(0, create.All);
            create.All.ShouldContain(cause);
            if (next is not null) create.All.ShouldContain(next);
            (await FirectlRun.OfAsync(sandbox, "deploy", id, "--deployment", "d")).ExitCode.ShouldNotBe(0);
            (await AskAsync(server, "accounts/default/deployments/d")).ShouldBe(plain);
            (await AskAsync(server, "accounts/fireworks/models/story-3m-lora-zog")).ShouldBe(zog);
        }
    }

    private static string Copy(Sandbox sandbox, string id)
    {
        var folder = Directory.CreateDirectory(Path.Combine(sandbox.Root, id)).FullName;
        foreach (var file in (string[])[Config, Weights]) File.Copy(Path.Combine(TestData.Model("story-3m-lora-bolt"), file), Path.Combine(folder, file));
        return folder;
    }

    private static void Change(string folder, Action<JsonNode> change)
    {
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, Config)))!;
        change(config);
        File.WriteAllText(Path.Combine(folder, Config), config.ToJsonString());
    }

    private static void Cut(string folder)
    {
        using var file = new FileStream(Path.Combine(folder, Weights), FileMode.Open);
        file.SetLength(file.Length / 2);
    }

    /// <summary>The first numbers behind the header, which are of a lora_A.</summary>
    private static void Spoil(string folder)
    {
        using var file = File.OpenHandle(Path.Combine(folder, Weights), FileMode.Open, FileAccess.ReadWrite);
        var length = new byte[sizeof(long)];
        RandomAccess.Read(file, length, 0);
        RandomAccess.Write(file, (byte[])[0xFF, 0xFF, 0xFF, 0xFF], sizeof(long) + BitConverter.ToInt64(length));
    }

    /// <summary>Of equal length: the header's offsets stay true.</summary>
    private static void Rename(string folder, string from, string to)
    {
        var path = Path.Combine(folder, Weights);
        File.WriteAllBytes(path, Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(File.ReadAllBytes(path)).Replace(from, to, StringComparison.Ordinal)));
    }

    private static async Task<string> AskAsync(StokerServerProcess server, string model)
    {
        var body = new JsonObject { ["model"] = model, ["prompt"] = "Once upon a time", ["max_tokens"] = 24, ["temperature"] = 0 };
        var answer = await RawHttp.PostAsync(server, "/inference/v1/completions", body.ToJsonString());
        answer.Status.ShouldBe(200, answer.Text);
        return answer.Json["choices"]![0]!["text"]!.GetValue<string>();
    }
}
