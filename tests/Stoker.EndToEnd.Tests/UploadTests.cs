using System.Text.Json.Nodes;
using Stoker.EndToEnd.Tests.Harness;
using Stoker.Testing;

namespace Stoker.EndToEnd.Tests;

/// <summary>Models of one's own: from a folder to an answer, and folders that hold none.</summary>
public class UploadTests(DeployedServer deployed) : IClassFixture<DeployedServer>
{
    private const string Weights = "model.safetensors";

    [Fact]
    public async Task A_folder_becomes_a_model_that_answers()
    {
        var folder = Copy("whole");
        (await RunAsync("create", "model", "mine", folder)).ShouldEndWith(0, "READY");
        (await RunAsync("model", "get", "mine", "-o", "json")).ShouldEndWith(0).Json["state"]!.GetValue<string>().ShouldBe("READY");
        (await RunAsync("list", "models")).ShouldEndWith(0, "accounts/default/models/mine");
        (await RunAsync("update", "model", "mine", "--display-name", "Mine")).ShouldEndWith(0, "Mine");
        (await RunAsync("create", "deployment", "mine", "--deployment-id", "mine", "--wait")).ShouldEndWith(0, "READY");
        (await RunAsync("delete", "model", "mine")).ShouldEndWith(6, "accounts/default/deployments/mine");

        var body = new JsonObject
        {
            ["model"] = "accounts/default/models/mine#accounts/default/deployments/mine",
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = "Tell me a story about Lily." }),
            ["max_tokens"] = 20,
            ["temperature"] = 0,
        };
        var answer = await RawHttp.PostAsync(deployed.Server, "/inference/v1/chat/completions", body.ToJsonString());
        answer.Status.ShouldBe(200, answer.Text);
        answer.Json["choices"]![0]!["message"]!["content"]!.GetValue<string>().ShouldNotBeNullOrWhiteSpace();

        var copy = Path.Combine(deployed.Sandbox.Root, "downloaded");
        (await RunAsync("download", "model", "mine", copy)).ShouldEndWith(0);
        Bytes(copy, Weights).AsSpan().SequenceEqual(Bytes(folder, Weights)).ShouldBeTrue();
        (await RunAsync("delete", "deployment", "mine", "--hard", "--ignore-checks", "--wait")).ShouldEndWith(0);
        (await RunAsync("delete", "model", "mine")).ShouldEndWith(0);
        (await RunAsync("get", "model", "mine")).ShouldEndWith(3);
    }

    [Theory]
    [InlineData("no-config", "config.json")]
    [InlineData("no-tokenizer", "tokenizer.json")]
    [InlineData("no-weights", "safetensors")]
    [InlineData("cut-weights", Weights)]
    [InlineData("wrong-shape", "model.")]
    [InlineData("bad-tokenizer", "tokenizer.json")]
    [InlineData("bad-config", "config.json")]
    [InlineData("pickle", "safetensors")]
    public async Task A_broken_folder_is_refused_with_the_file_at_fault(string fault, string named)
    {
        var folder = Copy(fault);
        Break(fault, folder);
        var run = await RunAsync("create", "model", fault, folder);
        run.ExitCode.ShouldBeOneOf([2, 6], run.All);
        run.All.ShouldContain(named);
        run.All.ShouldNotContain("   at Stoker");
        var model = await RawHttp.SendAsync(deployed.Server, "GET", $"/v1/accounts/default/models/{fault}", null);
        if (model.Status == 200) model.Json["state"]!.GetValue<string>().ShouldBe("UPLOADING");
        (await RunAsync("create", "deployment", fault)).ExitCode.ShouldBeOneOf(3, 6);
        await deployed.ShouldBeSoundAsync();
    }

    [Fact]
    public async Task A_mended_folder_is_taken_after_all()
    {
        var folder = Copy("mended");
        Break("cut-weights", folder);
        (await RunAsync("create", "model", "mended", folder)).ExitCode.ShouldBeOneOf(2, 6);
        File.Copy(Path.Combine(TestData.Model("story-3m"), Weights), Path.Combine(folder, Weights), overwrite: true);
        (await RunAsync("upload", "model", "mended", folder)).ShouldEndWith(0, "READY");
    }

    [Fact]
    public async Task An_upload_that_broke_off_goes_on_with_the_files_that_are_missing()
    {
        var folder = Copy("resumed");
        var urls = await BeginAsync("resumed", folder);
        (await PutAsync(urls["config.json"]!, Bytes(folder, "config.json"))).Status.ShouldBe(200);

        // The weights break off in the middle.
        var weights = Bytes(folder, Weights);
        using (var http = await RawHttp.ConnectAsync(deployed.Server.Url))
        {
            var target = new Uri(urls[Weights]!.GetValue<string>()).PathAndQuery;
            await http.SendAsync([.. RawHttp.Head(deployed.Server, "PUT", target, weights.Length), .. weights.AsSpan(0, weights.Length / 2)]);
        }

        var validated =
            await RawHttp.SendAsync(deployed.Server, "GET", "/v1/accounts/default/models/resumed:validateUpload", null);
        validated.Status.ShouldBe(400);
        validated.Text.ShouldContain(Weights);
        (await RunAsync("upload", "model", "resumed", folder)).ShouldEndWith(0, "1 files are there already").All.ShouldContain("READY");
        (await RunAsync("upload", "model", "resumed", folder)).ShouldEndWith(6, "READY");
    }

    [Fact]
    public async Task Files_are_taken_only_under_their_name_and_with_their_size()
    {
        var folder = Copy("sized");
        var urls = await BeginAsync("sized", folder);
        var address = urls["config.json"]!;
        (await PutAsync(address, "{}"u8.ToArray())).Status.ShouldBe(400);
        var forged = JsonValue.Create(address.GetValue<string>().Replace("config.json", "tokenizer.json"));
        (await PutAsync(forged, "{}"u8.ToArray())).Status.ShouldBe(401);

        foreach (var name in new[] { "../../../escaped.json", "a/b.json", "..", "/etc/passwd.json", ".hidden.json", "a\\\\b.json", "x.bin", "x.py" })
        {
            var begun = await RawHttp.PostAsync(
                deployed.Server, "/v1/accounts/default/models/sized:getUploadEndpoint", $$"""{"filenameToSize":{"{{name}}":"5"} }""");
            begun.Status.ShouldBe(400, $"{name}: {begun.Text}");
        }

        Directory.EnumerateFiles(deployed.Sandbox.Root, "escaped.json", SearchOption.AllDirectories).ShouldBeEmpty();
    }

    [Fact]
    public async Task An_entry_of_the_catalogue_is_filled_by_its_command()
    {
        const string Entry = "accounts/fireworks/models/llama-v3p2-1b-instruct";
        (await RunAsync("create", "deployment", Entry)).ShouldEndWith(6, $"firectl upload model {Entry} PATH");
        (await RunAsync("upload", "model", Entry, Copy("entry"))).ShouldEndWith(0, "READY");
        (await RunAsync("create", "deployment", Entry, "--deployment-id", "entry", "--wait")).ShouldEndWith(0, "READY");
        (await RunAsync("delete", "deployment", "entry", "--hard", "--ignore-checks", "--wait")).ShouldEndWith(0);
    }

    [Fact]
    public async Task Waiting_for_a_deployment_that_fails_ends_with_the_replicas_own_words()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox, new Dictionary<string, string> { ["Stoker__Deployments__MaxTries"] = "1" });
        (await FirectlRun.OfAsync(sandbox, "create", "model", "spoilt", TestData.Model("story-3m"))).ShouldEndWith(0);
        File.Delete(Path.Combine(sandbox.Data, "models", "default", "spoilt", "tokenizer.json"));
        var run =
            await FirectlRun.OfAsync(sandbox, "create", "deployment", "spoilt", "--deployment-id", "spoilt", "--wait");
        run.ShouldEndWith(6, "FAILED").All.ShouldContain("tokenizer.json");
    }

    private static void Break(string fault, string folder)
    {
        string File(string name) => Path.Combine(folder, name);
        switch (fault)
        {
            case "no-config": System.IO.File.Delete(File("config.json")); break;
            case "no-tokenizer": System.IO.File.Delete(File("tokenizer.json")); break;
            case "no-weights": System.IO.File.Delete(File(Weights)); break;
            case "cut-weights":
                using (var stream = System.IO.File.OpenWrite(File(Weights))) stream.SetLength(stream.Length / 2);
                break;
            case "wrong-shape":
                var config = JsonNode.Parse(System.IO.File.ReadAllText(File("config.json")))!;
                config["intermediate_size"] = config["intermediate_size"]!.GetValue<int>() + 64;
                System.IO.File.WriteAllText(File("config.json"), config.ToJsonString());
                break;
            case "bad-tokenizer": System.IO.File.WriteAllText(File("tokenizer.json"), "{\"model\": "); break;
            case "bad-config": System.IO.File.WriteAllText(File("config.json"), "{\"architectures\": [\"ZorkForCausalLM\"], \"model_type\": \"zork\"}"); break;
            case "pickle": System.IO.File.Move(File(Weights), File("pytorch_model.bin")); break;
            default: throw new ArgumentException(fault, nameof(fault));
        }
    }

    private static byte[] Bytes(string folder, string file) => File.ReadAllBytes(Path.Combine(folder, file));

    private string Copy(string name)
    {
        var folder = Directory.CreateDirectory(Path.Combine(deployed.Sandbox.Root, "folders", name)).FullName;
        foreach (var file in Directory.EnumerateFiles(TestData.Model("story-3m"))) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        return folder;
    }

    private async Task<JsonObject> BeginAsync(string model, string folder)
    {
        var created = await RawHttp.PostAsync(
            deployed.Server,
            "/v1/accounts/default/models",
            $$"""{"modelId":"{{model}}","model":{"kind":"HF_BASE_MODEL","baseModelDetails":{"checkpointFormat":"HUGGINGFACE","worldSize":1} } }""");
        created.Status.ShouldBe(200, created.Text);
        var sizes = new JsonObject(new DirectoryInfo(folder).EnumerateFiles()
            .Select(file => KeyValuePair.Create(file.Name, (JsonNode?)file.Length.ToString(System.Globalization.CultureInfo.InvariantCulture))));
        var begun = await RawHttp.PostAsync(
            deployed.Server, $"/v1/accounts/default/models/{model}:getUploadEndpoint", new JsonObject { ["filenameToSize"] = sizes }.ToJsonString());
        begun.Status.ShouldBe(200, begun.Text);
        return begun.Json["filenameToSignedUrls"]!.AsObject();
    }

    private Task<RawAnswer> PutAsync(JsonNode address, byte[] content) => RawHttp.SendAsync(
        deployed.Server, "PUT", new Uri(address.GetValue<string>()).PathAndQuery, content, "Authorization:", "Content-Type: application/octet-stream");

    private Task<FirectlRun> RunAsync(params string[] arguments) => FirectlRun.OfAsync(deployed.Sandbox, arguments);
}
