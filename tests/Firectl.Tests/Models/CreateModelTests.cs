using System.Text.Json.Nodes;

namespace Firectl.Tests.Models;

/// <summary>What a folder and <c>--base-model</c> make of a model; a dry run sends nothing.</summary>
public sealed class CreateModelTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("folder");

    public CreateModelTests()
    {
        File.WriteAllText(Path.Combine(_folder.FullName, "config.json"), "{}");
        File.WriteAllText(Path.Combine(_folder.FullName, "model.safetensors"), "");
    }

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_folder_is_a_base_model() =>
        (await CreatedAsync("")).ShouldBe("""{"kind":"HF_BASE_MODEL","baseModelDetails":{"worldSize":1,"checkpointFormat":"HUGGINGFACE"}}""");

    [Fact]
    public async Task One_with_a_base_is_a_draft_head() =>
        (await CreatedAsync("--base-model story-3m")).ShouldBe("""{"kind":"DRAFT_ADDON","peftDetails":{"baseModel":"story-3m"}}""");

    [Fact]
    public async Task An_adapter_with_a_base_is_a_lora_addon_with_the_facts_of_its_config()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "adapter_config.json"), """{"r":8,"target_modules":["q_proj"]}""", TestContext.Current.CancellationToken);
        (await CreatedAsync("--base-model story-3m")).ShouldBe("""{"kind":"HF_PEFT_ADDON","peftDetails":{"baseModel":"story-3m","r":8,"targetModules":["q_proj"]}}""");
        using var run = new FirectlRun();
        (await run.RunAsync($"create model m {_folder.FullName} -a team")).ShouldBe(2);
        run.Errors.ShouldContain("name its base with --base-model");
    }

    [Theory]
    [InlineData("""{"r":"eight","target_modules":["q_proj"]}""", "r must be a whole number")]
    [InlineData("""{"r":[8],"target_modules":["q_proj"]}""", "r must be a whole number")]
    [InlineData("""{"r":8.5,"target_modules":["q_proj"]}""", "r must be a whole number")]
    [InlineData("""{"r":99999999999,"target_modules":["q_proj"]}""", "r must be a whole number")]
    [InlineData("""{"r":8,"target_modules":{"q_proj":true}}""", "target_modules must be a list of names, or an expression")]
    [InlineData("""{"r":8,"target_modules":["q_proj",7]}""", "target_modules must be a list of names, or an expression")]
    [InlineData("""{"r":8,"target_modules":["\ud800"]}""", "UTF")]
    [InlineData("[]", "must be a JSON object")]
    [InlineData("8", "must be a JSON object")]
    [InlineData("null", "must be a JSON object")]
    [InlineData("{", "depth")]
    [InlineData("", "JSON")]
    public async Task An_adapter_config_of_a_wrong_form_is_one_line_that_names_what_is_wrong(string config, string named)
    {
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "adapter_config.json"), config, TestContext.Current.CancellationToken);
        using var run = new FirectlRun();
        (await run.RunAsync($"create model m {_folder.FullName} -a team --base-model story-3m")).ShouldBe(2);
        run.Errors.ShouldStartWith("Error: adapter_config.json: ");
        run.Errors.ShouldContain(named);
        run.Errors.TrimEnd().Split('\n').ShouldHaveSingleItem();
        run.Sent.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("""{"r":8,"target_modules":"all-linear"}""", 8)]
    [InlineData("""{"r":8,"target_modules":".*\\.(q|down)_proj"}""", 8)]
    [InlineData("""{"r":8,"target_modules":["layers.0.self_attn.q_proj","model.layers.1.mlp.down_proj","lm_head"]}""", 8)]
    [InlineData("""{"target_modules":["q_proj","down_proj"]}""", 16)] // the settings leave it out: the tensors' own
    [InlineData("""{"r":8,"target_modules":["q_proj","down_proj"],"rank_pattern":{"down_proj":16}}""", 16)]
    public async Task Modules_that_the_settings_do_not_name_plainly_are_those_of_the_tensors(string config, int rank)
    {
        await WriteAdapterAsync(config, """
            {"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight":{"dtype":"BF16","shape":[8,4],"data_offsets":[0,64]},
             "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight":{"dtype":"BF16","shape":[4,8],"data_offsets":[64,128]},
             "base_model.model.model.layers.1.mlp.down_proj.lora_A.weight":{"dtype":"BF16","shape":[16,4],"data_offsets":[128,256]},
             "base_model.model.model.layers.1.mlp.down_proj.lora_B.weight":{"dtype":"BF16","shape":[4,16],"data_offsets":[256,384]},"__metadata__":{"format":"pt"}}
            """);
        (await CreatedAsync("--base-model story-3m")).ShouldBe(
            $$$"""{"kind":"HF_PEFT_ADDON","peftDetails":{"baseModel":"story-3m","r":{{{rank}}},"targetModules":["down_proj","q_proj"]}}""");
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"a.q_proj.lora_A.weight":7}""")]
    [InlineData("""{"a.q_proj.lora_A.weight":{"shape":[]}}""")]
    [InlineData("""{"a.q_proj.lora_A.weight":{"shape":[4.5]}}""")]
    [InlineData("{}")]
    public async Task Tensors_that_cannot_be_read_are_left_for_the_server_to_say_so(string header)
    {
        await WriteAdapterAsync("""{"r":8,"target_modules":["q_proj"]}""", header);
        (await CreatedAsync("--base-model story-3m")).ShouldBe("""{"kind":"HF_PEFT_ADDON","peftDetails":{"baseModel":"story-3m","r":8,"targetModules":["q_proj"]}}""");
    }

    private async Task WriteAdapterAsync(string config, string header)
    {
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "adapter_config.json"), config, TestContext.Current.CancellationToken);
        var bytes = System.Text.Encoding.UTF8.GetBytes(header);
        await File.WriteAllBytesAsync(
            Path.Combine(_folder.FullName, "adapter_model.safetensors"), [.. BitConverter.GetBytes((long)bytes.Length), .. bytes], TestContext.Current.CancellationToken);
    }

    private async Task<string> CreatedAsync(string flags)
    {
        using var run = new FirectlRun();
        (await run.RunAsync($"create model m {_folder.FullName} -a team --dry-run {flags}".TrimEnd())).ShouldBe(0, run.Errors);
        run.Sent.ShouldBeEmpty();
        return JsonNode.Parse(run.Output[run.Output.IndexOf('{')..])!["model"]!.ToJsonString();
    }
}
