using System.Text.Json.Nodes;
using Stoker.EndToEnd.Tests.Harness;
using Stoker.Testing;

namespace Stoker.EndToEnd.Tests;

/// <summary>Drafts on the platform: EAGLE heads from the library and of one's own, and drafts that cannot be. Beside a deployment without any.</summary>
public class DraftingTests(DeployedServer deployed) : IClassFixture<DeployedServer>
{
    private static readonly string[] Prompts = ["Once upon a time", "One day, Tom and his dog", "The dragon was very hungry, so he", "Ben had a big red ball."];

    [Fact]
    public async Task A_head_of_the_library_drafts_and_changes_no_answer()
    {
        (await RunAsync("create", "deployment", "story-3m", "--deployment-id", "eagle", "--draft-model", "story-3m-eagle", "--draft-token-count", "3", "--wait"))
            .ShouldEndWith(0, "State: READY");
        await DraftsAsync("eagle");
        (await RunAsync("update", "deployment", "eagle", "--draft-token-count", "0")).ShouldEndWith(0);
        await Patience.UntilAsync(() => Task.FromResult(Drafting()), drafting => drafting == 0, "a replica without the head");
        (await RunAsync("delete", "deployment", "eagle", "--hard", "--ignore-checks", "--wait")).ShouldEndWith(0);
    }

    [Fact]
    public async Task A_head_of_ones_own_is_the_default_of_the_model_that_names_it()
    {
        (await RunAsync("create", "model", "mine", TestData.Model("story-3m"))).ShouldEndWith(0, "READY");
        (await RunAsync("create", "model", "head", TestData.Model("story-3m-eagle"), "--base-model", "mine")).ShouldEndWith(0, "DRAFT_ADDON");
        (await RunAsync("update", "model", "mine", "--default-draft-model", "head", "--default-draft-token-count", "3")).ShouldEndWith(0);

        (await RunAsync("create", "deployment", "mine", "--deployment-id", "by-default", "--wait")).ShouldEndWith(0, "accounts/default/models/head drafts 3 tokens at a time, the model's default");
        var created = (await RunAsync("get", "deployment", "by-default", "-o", "json")).Json;
        (created["draft_model"]!.GetValue<string>(), created["draft_token_count"]!.GetValue<int>()).ShouldBe(("accounts/default/models/head", 3));
        await DraftsAsync("by-default");

        (await RunAsync("create", "deployment", "mine", "--deployment-id", "without", "--disable-speculative-decoding", "-o", "json")).ShouldEndWith(0).All.ShouldNotContain("accounts/default/models/head");
        (await RunAsync("create", "deployment", "story-3m", "--deployment-id", "other", "--draft-model", "head", "--draft-token-count", "3"))
            .ShouldEndWith(2, "is a draft head for accounts/default/models/mine and drafts for nothing else");
        (await RunAsync("delete", "model", "head")).ShouldEndWith(6, "accounts/default/deployments/by-default");
        foreach (var id in new[] { "by-default", "without" }) (await RunAsync("delete", "deployment", id, "--hard", "--ignore-checks", "--wait")).ShouldEndWith(0);
    }

    [Theory]
    [InlineData(2, "must be a base model or a draft addon", "--draft-model", "story-3m-lora-zog", "--draft-token-count", "4")]
    [InlineData(2, "model \"nothing-there\" not found", "--draft-model", "nothing-there", "--draft-token-count", "4")]
    [InlineData(2, "draft_token_count must be set with draft_model: 4 is typical", "--draft-model", "story-draft-400k")]
    [InlineData(2, "draft_token_count must be set with ngram_speculation_length", "--ngram-speculation-length", "3")]
    [InlineData(2, "draft_token_count must be at most 16, was 17", "--draft-model", "story-draft-400k", "--draft-token-count", "17")]
    [InlineData(2, "draft_token_count must be at least 0, was -1", "--draft-model", "story-draft-400k", "--draft-token-count", "-1")]
    [InlineData(2, "Cannot parse argument 'abc'", "--draft-model", "story-draft-400k", "--draft-token-count", "abc")]
    [InlineData(2, "choose one of the two", "--draft-model", "story-draft-400k", "--ngram-speculation-length", "3", "--draft-token-count", "4")]
    [InlineData(2, "draft_token_count needs draft_model or ngram_speculation_length beside it", "--draft-token-count", "4")]
    [InlineData(2, "was 'FP9'", "--precision", "fp9")]
    [InlineData(2, "precision FP8 runs on NVIDIA_H100_80GB and CPU, not on NVIDIA_A100_80GB", "--precision", "FP8", "--accelerator-type", "NVIDIA_A100_80GB")]
    [InlineData(2, "precision NF4 is not supported", "--precision", "nf4")]
    [InlineData(6, "firectl prepare-model accounts/fireworks/models/story-3m --precision FP8 --wait", "--precision", "fp8")]
    public async Task What_cannot_be_is_refused_at_create_and_at_update_and_harms_nothing_that_runs(int exit, string cause, params string[] flags)
    {
        var replica = ReplicaProcesses.Under(deployed.Sandbox.Root).Count;
        (await RunAsync(["create", "deployment", "story-3m", "--deployment-id", "never", .. flags])).ShouldEndWith(exit, cause);
        (await RunAsync(["update", "deployment", "d", .. flags])).ShouldEndWith(exit, cause);
        (await RawHttp.SendAsync(deployed.Server, "GET", "/v1/accounts/default/deployments/never", null)).Status.ShouldBe(404);
        ReplicaProcesses.Under(deployed.Sandbox.Root).Count.ShouldBe(replica);
        await deployed.ShouldBeSoundAsync();
    }

    [Fact]
    public async Task A_draft_of_another_vocabulary_and_a_head_of_another_model_are_refused_at_create()
    {
        var folder = Copy("story-draft-400k", "other-words");
        Change(Path.Combine(folder, "tokenizer.json"), "<|im_end|>", "<|im_stop|>");
        (await RunAsync("create", "model", "other-words", folder)).ShouldEndWith(0, "READY");
        (await RunAsync("create", "deployment", "story-3m", "--deployment-id", "never", "--draft-model", "other-words", "--draft-token-count", "4"))
            .ShouldEndWith(2, "has another vocabulary than accounts/fireworks/models/story-3m, so its tokens stand for other text: choose a draft model with the same tokenizer");
        (await RunAsync("create", "deployment", "story-draft-400k", "--deployment-id", "never", "--draft-model", "story-3m-eagle", "--draft-token-count", "4"))
            .ShouldEndWith(2, "choose a head trained for accounts/fireworks/models/story-draft-400k");
        (await RunAsync("prepare-model", "accounts/fireworks/models/story-3m-eagle", "--precision", "FP8")).ShouldEndWith(2, "prepare the base model");
        (await RunAsync("prepare-model", "accounts/fireworks/models/story-3m-lora-zog", "--precision", "FP8")).ShouldEndWith(2, "prepare the base model");
    }

    [Fact]
    public async Task An_update_to_a_draft_whose_file_was_cut_is_rolled_back_and_the_deployment_serves_on()
    {
        (await RunAsync("create", "model", "cut", Copy("story-draft-400k", "cut"))).ShouldEndWith(0, "READY");
        var stored = Directory.GetFiles(deployed.Sandbox.Data, "model.safetensors", SearchOption.AllDirectories).Single(path => path.Contains("/cut/"));
        await using (var file = new FileStream(stored, FileMode.Open)) file.SetLength(100_000);
        (await RunAsync("create", "deployment", "story-3m", "--deployment-id", "rolled", "--wait")).ShouldEndWith(0);

        (await RunAsync("update", "deployment", "rolled", "--draft-model", "cut", "--draft-token-count", "4")).ShouldEndWith(0);
        await Patience.UntilAsync(
            async () => (await AskAsync("rolled", Prompts[0]), await deployed.Server.GetAsync("rolled")).Item2, // it answers all the time
            now => now.Status?.Message?.Contains("rolled back") == true,
            "the update rolled back");
        (await deployed.Server.GetAsync("rolled")).Status!.Message!.ShouldContain("cut/model.safetensors: the tensors end at data byte");
        (await RunAsync("delete", "deployment", "rolled", "--hard", "--ignore-checks", "--wait")).ShouldEndWith(0);
    }

    /// <summary>
    /// One replica drafts with the head, and answers are those of the deployment without. How many drafts pay is the machine's to say; that they are accepted is
    /// seen in the engine's tests.
    /// </summary>
    private async Task DraftsAsync(string id)
    {
        Drafting().ShouldBe(1);
        foreach (var prompt in Prompts)
        {
            var answer = await AskAsync(id, prompt);
            answer["choices"]!.ToJsonString().ShouldBe((await AskAsync("d", prompt))["choices"]!.ToJsonString());
            var perf = answer["perf_metrics"]!;
            (perf["speculation-acceptance"] is null).ShouldBe(perf["speculation-generated-tokens"] is null);
        }
    }

    private int Drafting() =>
        ReplicaProcesses.CommandLines(deployed.Sandbox.Root).Count(line => line.Contains(" --draft-model ") && line.Contains(" --draft-token-count 3 "));

    private async Task<JsonNode> AskAsync(string id, string prompt)
    {
        var body = new JsonObject
        {
            ["model"] = $"accounts/default/deployments/{id}",
            ["prompt"] = prompt,
            ["max_tokens"] = 400,
            ["temperature"] = 0,
            ["ignore_eos"] = true,
            ["perf_metrics_in_response"] = true,
        };
        var answer = await RawHttp.PostAsync(deployed.Server, "/inference/v1/completions", body.ToJsonString());
        answer.Status.ShouldBe(200, answer.Text);
        return answer.Json;
    }

    private string Copy(string model, string name)
    {
        var folder = Directory.CreateDirectory(Path.Combine(deployed.Sandbox.Root, "own", name)).FullName;
        foreach (var file in Directory.GetFiles(TestData.Model(model))) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        return folder;
    }

    private static void Change(string file, string word, string other) =>
        File.WriteAllText(file, File.ReadAllText(file).Replace(word, other, StringComparison.Ordinal));

    private Task<FirectlRun> RunAsync(params string[] arguments) => FirectlRun.OfAsync(deployed.Sandbox, arguments);
}
