using System.Text.Json.Nodes;
using Stoker.ControlPlane.Models;
using Stoker.EndToEnd.Tests.Harness;
using Stoker.Engine.Models;
using Stoker.Engine.Models.Preparing;
using Stoker.Testing;
using EnginePrecision = Stoker.Engine.Precision;

namespace Stoker.EndToEnd.Tests.Packing;

/// <summary>A safetensors variant from a real server: asked for, looked at, fetched, and run by a replica that knows nothing of the server.</summary>
public class ServerPreparingTests
{
    [Fact]
    public async Task A_variant_for_other_engines_is_written_fetched_and_goes_with_its_model()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox);
        (await RunAsync("create", "model", "mine", TestData.Model("story-3m"))).ShouldEndWith(0, "READY");
        (await RunAsync("prepare-model", "mine", "--precision", "FP4", "--safetensors")).ShouldEndWith(2, "stoker_safetensors is for FP8 and INT8 alone");
        (await RunAsync("download", "model", "mine", "nowhere", "--safetensors", "FP8")).ShouldEndWith(6, "firectl prepare-model accounts/default/models/mine --precision FP8 --safetensors --wait");
        (await RunAsync("prepare-model", "mine", "--precision", "FP8", "--safetensors", "--wait")).ShouldEndWith(0, "READY");

        var prepared = (await RunAsync("get", "model", "mine", "-o", "json")).ShouldEndWith(0).Json["stoker_preparations"]![0]!;
        var variant = Path.Combine(Folder(), (string)prepared["safetensors"]!["folder"]!);
        Bytes(prepared["safetensors"]!["size_bytes"]).ShouldBe(new DirectoryInfo(variant).EnumerateFiles().Sum(file => file.Length));
        Bytes(prepared["size_bytes"]).ShouldBe(new FileInfo(Path.Combine(Folder(), "stoker-fp8.packed")).Length);

        var copy = Path.Combine(sandbox.Root, "copy");
        (await RunAsync("download", "model", "mine", copy, "--safetensors", "fp8")).ShouldEndWith(0);
        foreach (var file in Directory.EnumerateFiles(variant))
        {
            Content(Path.Combine(copy, Path.GetFileName(file))).ShouldBe(Content(file));
        }

        ModelFolder.Inspect(copy).DefaultPrecision.ShouldBe(EnginePrecision.Fp8);
        await using (var replica = ProgramProcess.Start(sandbox, "stoker", ["replica", "--model", copy, "--threads", "1", "--listen", "http://127.0.0.1:0"]))
        {
            await replica.LineAsync("is ready");
            replica.Output.ShouldContain(", fp8, ");
        }

        (await RunAsync("delete", "model", "mine")).ShouldEndWith(0);
        Directory.Exists(Folder()).ShouldBeFalse();

        Task<FirectlRun> RunAsync(params string[] arguments) => FirectlRun.OfAsync(sandbox, arguments);
        string Folder() => Path.Combine(sandbox.Data, "models", "default", "mine");
    }

    [Fact]
    public void The_platform_offers_the_variants_that_the_engine_writes() =>
        Precisions.WithVariant.Select(precision => precision.EngineName()).Order()
            .ShouldBe(PreparedModel.Precisions.Select(Stoker.Engine.PrecisionNames.NameOf).Order());

    private static string Content(string file) => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file)));

    private static long Bytes(JsonNode? text) => long.Parse((string)text!, System.Globalization.CultureInfo.InvariantCulture);
}
