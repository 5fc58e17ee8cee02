using Stoker.EndToEnd.Tests.Harness;
using Stoker.Testing;

namespace Stoker.EndToEnd.Tests.Packing;

/// <summary>A real server packs its models behind everything else, and its replicas map what it packed.</summary>
public class ServerPackingTests
{
    private static readonly string[] Files = ["stoker-bf16.packed"];

    [Fact]
    public async Task Models_are_packed_once_and_replicas_take_the_packed_file()
    {
        using var sandbox = new Sandbox();
        var options = Options(sandbox);
        var packed = Path.Combine(options["Stoker__Models__LibraryFolder"], "story-3m", Files[0]);
        await using (var server = await StokerServerProcess.StartAsync(sandbox, options))
        {
            await Patience.UntilAsync(
                () => Task.FromResult(server.Output), output => output.Contains("Packed accounts/fireworks/models/story-3m:"), "the model packed");
            File.Exists(packed).ShouldBeTrue();
            await server.DeployAsync("packed");
            (await server.TerminateAsync()).ShouldBe(0, server.Output);
        }

        var log = string.Concat(Directory.EnumerateFiles(sandbox.Data, "log*.txt", SearchOption.AllDirectories).Select(File.ReadAllText));
        log.ShouldContain("is ready after");
        log.ShouldNotContain("stoker-bf16.packed"); // a note would say why it was not taken

        var written = File.GetLastWriteTimeUtc(packed);
        await using var again = await StokerServerProcess.StartAsync(sandbox, options);
        await again.DeployAsync("again");
        again.Output.ShouldNotContain("Packing accounts/fireworks/models/story-3m ");
        File.GetLastWriteTimeUtc(packed).ShouldBe(written);
    }

    [Fact]
    public async Task The_quickstart_model_is_too_small_to_be_packed()
    {
        using var sandbox = new Sandbox();
        var options = Options(sandbox);
        options.Remove("Stoker__Models__PackFromBytes");
        await using var server = await StokerServerProcess.StartAsync(sandbox, options);
        await server.DeployAsync("small");
        server.Output.ShouldNotContain("Packing ");
        Directory.EnumerateFiles(options["Stoker__Models__LibraryFolder"], "*.packed", SearchOption.AllDirectories).ShouldBeEmpty();
    }

    /// <summary>A library of its own: the tests share the built-in one, and nothing may be written into it.</summary>
    private static Dictionary<string, string> Options(Sandbox sandbox)
    {
        var library = Path.Combine(sandbox.Root, "library");
        foreach (var model in Directory.EnumerateDirectories(Path.GetDirectoryName(TestData.Model("story-3m"))!))
        {
            var folder = Directory.CreateDirectory(Path.Combine(library, Path.GetFileName(model))).FullName;
            foreach (var file in Directory.EnumerateFiles(model)) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        return new() { ["Stoker__Models__LibraryFolder"] = library, ["Stoker__Models__PackFromBytes"] = "1" };
    }
}
