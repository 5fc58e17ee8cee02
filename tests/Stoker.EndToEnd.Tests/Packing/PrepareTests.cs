using Stoker.EndToEnd.Tests.Harness;
using Stoker.Testing;

namespace Stoker.EndToEnd.Tests.Packing;

/// <summary><c>stoker prepare</c> as a real process: its lines, its exit status, and what is left when it is killed.</summary>
public class PrepareTests
{
    [Fact]
    public async Task Prepares_both_artefacts_and_each_serves()
    {
        using var sandbox = new Sandbox();
        var (folder, variant) = (Copy(sandbox, "story-3m"), Path.Combine(sandbox.Root, "fp8"));
        var (exit, output) = await RunAsync(sandbox, "--model", folder, "--precision", "fp8", "--safetensors", variant);
        exit.ShouldBe(0, output);
        output.ShouldMatch($"^Packed {folder}/stoker-fp8.packed \\(fp8, [0-9.]+ MB\\)\nWrote {variant} \\(fp8, [0-9.]+ MB\\)$");
        (await RunAsync(sandbox, "--model", folder, "--precision", "fp8", "--safetensors", variant))
            .ShouldBeSaid(0, $"Already packed: {folder}/stoker-fp8.packed");

        await ServesAsync(sandbox, "--model", folder, "--precision", "fp8", "--packed", "require");
        await ServesAsync(sandbox, "--model", variant, "--kv-precision", "fp8"); // its own precision, as stored
    }

    [Fact]
    public async Task Lines_of_json_tell_the_share_done_and_the_files()
    {
        using var sandbox = new Sandbox();
        var folder = Copy(sandbox, "story-3m");
        var (exit, output) = await RunAsync(sandbox, "--model", folder, "--precision", "fp4", "--json");
        exit.ShouldBe(0, output);
        var lines = output.Split('\n');
        lines[^2].ShouldBe("""{"stage":"packed","percent":100}""");
        lines[^1].ShouldMatch($"^{{\"packed\":\"{folder}/stoker-fp4.packed\",\"packedBytes\":[0-9]+}}$");
    }

    [Theory]
    [InlineData(2, "--precision", "--model", "m")]
    [InlineData(2, "--precision takes one of auto, f32, bf16, int8, fp8, fp4, was 'fp9'", "--model", "m", "--precision", "fp9")]
    [InlineData(2, "--precision: a model is prepared in int8, fp8, fp4, not in bf16", "--model", "m", "--precision", "bf16")]
    [InlineData(2, "--precision: there is no safetensors variant in fp4", "--model", "m", "--precision", "fp4", "--safetensors", "v")]
    [InlineData(2, "--safetensors", "--model", "m", "--precision", "fp8", "--safetensors")]
    [InlineData(2, "--replace: has no meaning without --safetensors", "--model", "m", "--precision", "fp8", "--replace")]
    [InlineData(1, "does not exist", "--model", "no-such-folder", "--precision", "fp8")]
    public async Task A_wrong_call_is_one_line_that_names_what_is_wrong(int status, string named, params string[] arguments)
    {
        using var sandbox = new Sandbox();
        var (exit, output) = await RunAsync(sandbox, arguments);
        exit.ShouldBe(status, output);
        output.ShouldContain(named);
        output.ShouldNotContain("   at ");
    }

    [Fact]
    public async Task An_addon_is_refused()
    {
        using var sandbox = new Sandbox();
        (await RunAsync(sandbox, "--model", Copy(sandbox, "story-3m-lora-bolt"), "--precision", "fp8"))
            .ShouldBe((1, "stoker: story-3m-lora-bolt: holds a LoRA addon; only whole models are packed"));
    }

    [Fact]
    public async Task Killed_in_the_variant_it_leaves_a_half_that_the_next_one_removes()
    {
        using var sandbox = new Sandbox();
        var (folder, variant) = (SparseModel.Write(Path.Combine(sandbox.Root, "sparse")), Path.Combine(sandbox.Root, "int8"));
        string[] arguments = ["--model", folder, "--precision", "int8", "--safetensors", variant, "--threads", "1"];
        await using var killed = ProgramProcess.Start(sandbox, "stoker", ["prepare", .. arguments]);
        await Patience.UntilAsync(() => Task.FromResult(Halves(sandbox)), halves => halves.Length == 1, "a half");
        await killed.KillAsync();
        Halves(sandbox).Length.ShouldBe(1, "it was to be killed before its end; make the model larger");
        Directory.Exists(variant).ShouldBeFalse();
        File.Exists(Path.Combine(folder, "stoker-int8.packed")).ShouldBeTrue(); // the first artefact was whole

        (await RunAsync(sandbox, arguments)).ShouldBeSaid(0, "Already packed: ");
        Halves(sandbox).ShouldBeEmpty();
        Directory.Exists(variant).ShouldBeTrue();
    }

    private static string[] Halves(Sandbox sandbox) =>
        Directory.GetDirectories(sandbox.Root, ".int8.*.part", new EnumerationOptions { AttributesToSkip = 0 });

    private static async Task ServesAsync(Sandbox sandbox, params string[] arguments)
    {
        await using var replica = ProgramProcess.Start(sandbox, "stoker", ["replica", .. arguments, "--threads", "1", "--listen", "http://127.0.0.1:0"]);
        await replica.LineAsync("is ready");
        replica.Output.ShouldContain(", fp8, 1 threads");
        (await replica.TerminateAsync()).ShouldBe(0, replica.Output);
    }

    private static string Copy(Sandbox sandbox, string model)
    {
        var folder = Directory.CreateDirectory(Path.Combine(sandbox.Root, model)).FullName;
        foreach (var file in Directory.EnumerateFiles(TestData.Model(model))) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        return folder;
    }

    private static async Task<(int Exit, string Output)> RunAsync(Sandbox sandbox, params string[] arguments)
    {
        await using var run = ProgramProcess.Start(sandbox, "stoker", ["prepare", .. arguments]);
        return (await run.ExitAsync(), run.Output.Trim());
    }
}
