using Stoker.EndToEnd.Tests.Harness;
using Stoker.Testing;

namespace Stoker.EndToEnd.Tests.Packing;

/// <summary><c>stoker pack</c> as a real process: its lines, its exit status, and what is left when it is killed.</summary>
public class PackTests
{
    [Fact]
    public async Task Packs_verifies_and_serves_from_the_packed_file()
    {
        using var sandbox = new Sandbox();
        var folder = Copy(sandbox, "story-3m");
        (await RunAsync(sandbox, "--model", folder, "--verify")).ShouldBe((1, "stoker: stoker-bf16.packed or stoker-f16.packed: is not there: run stoker pack first"));
        (await RunAsync(sandbox, "--model", folder, "--precision", "int8")).ShouldBeSaid(0, $"Packed {folder}/stoker-int8.packed (int8, ");
        (await RunAsync(sandbox, "--model", folder)).ShouldBeSaid(0, $"Packed {folder}/stoker-bf16.packed (bf16, ");
        (await RunAsync(sandbox, "--model", folder)).ShouldBeSaid(0, "Already packed: ");
        (await RunAsync(sandbox, "--model", folder, "--force")).ShouldBeSaid(0, "Packed ");
        (await RunAsync(sandbox, "--model", folder, "--verify")).ShouldBeSaid(0, $"Good: {folder}/stoker-bf16.packed");

        await using var replica = ProgramProcess.Start(
            sandbox, "stoker", ["replica", "--model", folder, "--packed", "require", "--threads", "1", "--listen", "http://127.0.0.1:0"]);
        await replica.LineAsync("is ready");
        (await replica.TerminateAsync()).ShouldBe(0, replica.Output);
    }

    [Theory]
    [InlineData(2, "--precision", "--model", "m", "--precision", "int9")]
    [InlineData(2, "--model")]
    [InlineData(2, "--threads takes a number from 0 to 1024, was '-1'", "--model", "m", "--threads", "-1")]
    [InlineData(2, "--threads takes a number from 0 to 1024, was 'two'", "--model", "m", "--threads", "two")]
    [InlineData(2, "--output", "--model", "m", "--output", "")]
    [InlineData(2, "--output", "--model", "m", "--output", "/")]
    [InlineData(2, "ends in .packed", "--model", "m", "--output", "model.safetensors")]
    [InlineData(2, "--output", "--model", "m", "--output")]
    [InlineData(2, "--precision", "--model", "m", "--precision")]
    [InlineData(2, "--force", "--model", "m", "--verify", "--force")]
    [InlineData(1, "does not exist", "--model", "no-such-folder")]
    public async Task A_wrong_call_is_one_line_that_names_what_is_wrong(int status, string named, params string[] arguments)
    {
        using var sandbox = new Sandbox();
        var (exit, output) = await RunAsync(sandbox, arguments);
        exit.ShouldBe(status, output);
        output.ShouldContain(named);
        output.ShouldNotContain("   at ");
    }

    [Fact]
    public async Task A_replica_that_requires_a_packed_model_does_not_start_without_one()
    {
        using var sandbox = new Sandbox();
        var folder = Copy(sandbox, "story-3m");
        await using var replica = ProgramProcess.Start(
            sandbox, "stoker", ["replica", "--model", folder, "--packed", "require", "--threads", "1", "--listen", "http://127.0.0.1:0"]);
        (await replica.ExitAsync()).ShouldBe(1, replica.Output);
        replica.Output.ShouldContain("stoker pack");
    }

    [Fact]
    public async Task A_broken_packed_file_costs_a_line_and_no_more()
    {
        using var sandbox = new Sandbox();
        var folder = Copy(sandbox, "story-3m");
        (await RunAsync(sandbox, "--model", folder)).ShouldBeSaid(0, "Packed ");
        var packed = Path.Combine(folder, "stoker-bf16.packed");
        await File.WriteAllBytesAsync(packed, (await File.ReadAllBytesAsync(packed, TestContext.Current.CancellationToken))[..100_000], TestContext.Current.CancellationToken);
        await using var replica = ProgramProcess.Start(
            sandbox, "stoker", ["replica", "--model", folder, "--threads", "1", "--listen", "http://127.0.0.1:0"]);
        await replica.LineAsync("is ready");
        replica.Output.ShouldContain("stoker-bf16.packed has 100000 bytes");
        (await replica.TerminateAsync()).ShouldBe(0, replica.Output);
    }

    [Fact]
    public async Task Killed_in_the_middle_it_leaves_a_half_that_nobody_uses_and_the_next_one_removes()
    {
        using var sandbox = new Sandbox();
        var folder = SparseModel.Write(Path.Combine(sandbox.Root, "sparse"));
        string[] arguments = ["pack", "--model", folder, "--precision", "fp4", "--threads", "1"];
        await using var killed = ProgramProcess.Start(sandbox, "stoker", arguments);
        await Patience.UntilAsync(() => Task.FromResult(Halves(folder)), halves => halves.Length == 1, "a half");
        await killed.KillAsync();
        Halves(folder).Length.ShouldBe(1, "it was to be killed before its end; make the model larger");
        File.Exists(Path.Combine(folder, "stoker-fp4.packed")).ShouldBeFalse();
        (await RunAsync(sandbox, "--model", folder, "--precision", "fp4", "--verify")).ShouldBe((1, "stoker: stoker-fp4.packed: is not there: run stoker pack first"));

        (await RunAsync(sandbox, "--model", folder, "--precision", "fp4")).ShouldBeSaid(0, "Packed ");
        Halves(folder).ShouldBeEmpty();
        (await RunAsync(sandbox, "--model", folder, "--precision", "fp4", "--verify")).ShouldBeSaid(0, "Good: ");
    }

    [Fact]
    public async Task Stopped_by_a_signal_it_cleans_up()
    {
        using var sandbox = new Sandbox();
        var folder = SparseModel.Write(Path.Combine(sandbox.Root, "sparse"));
        await using var stopped = ProgramProcess.Start(sandbox, "stoker", ["pack", "--model", folder, "--precision", "fp4", "--threads", "1"]);
        await Patience.UntilAsync(() => Task.FromResult(Halves(folder)), halves => halves.Length == 1, "a half");
        (await stopped.TerminateAsync()).ShouldBe(1, stopped.Output);
        stopped.Output.ShouldContain("packing was stopped; nothing is left of it");
        Halves(folder).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_full_disk_is_one_line_with_both_figures_and_leaves_nothing()
    {
        using var sandbox = new Sandbox();
        var (source, disk) = (Copy(sandbox, "story-3m"), Directory.CreateDirectory(Path.Combine(sandbox.Root, "disk")).FullName);
        // A file system of 9 MiB in a namespace of its own: the model's files fit, the packed one does not.
        var script = $"mount -t tmpfs -o size=9m stoker {disk} && cp {source}/* {disk} && {Path.Combine(AppContext.BaseDirectory, "stoker")} pack --model {disk}; echo status $?; ls -A {disk}";
        const string Unshare = "/usr/bin/unshare";
        Assert.SkipUnless(File.Exists(Unshare), "needs namespaces");
        await using var run = ProgramProcess.Start(sandbox, Unshare, ["-Urm", "/bin/sh", "-c", script]);
        await run.ExitAsync();
        Assert.SkipWhen(!run.Output.Contains("status", StringComparison.Ordinal) || run.Output.Contains("mount:", StringComparison.Ordinal), "namespaces are not allowed here");
        run.Output.ShouldContain("status 1");
        run.Output.ShouldMatch("stoker: .*/disk/stoker-bf16.packed: the packed model takes 8388608 bytes and the disk has [0-9]+ left: make room \\(or choose another place: stoker pack --output\\)");
        run.StandardOutput.ShouldNotContain(".part");
        run.StandardOutput.ShouldNotContain("\nstoker-bf16.packed");
    }

    private static string[] Halves(string folder) =>
        Directory.GetFiles(folder, "*.part", new EnumerationOptions { AttributesToSkip = 0 });

    private static string Copy(Sandbox sandbox, string model)
    {
        var folder = Directory.CreateDirectory(Path.Combine(sandbox.Root, model)).FullName;
        foreach (var file in Directory.EnumerateFiles(TestData.Model(model))) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        return folder;
    }

    private static async Task<(int Exit, string Output)> RunAsync(Sandbox sandbox, params string[] arguments)
    {
        await using var run = ProgramProcess.Start(sandbox, "stoker", ["pack", .. arguments]);
        return (await run.ExitAsync(), run.Output.Trim());
    }
}

internal static class PackRunAssertions
{
    public static void ShouldBeSaid(this (int Exit, string Output) run, int exit, string start)
    {
        run.Exit.ShouldBe(exit, run.Output);
        run.Output.ShouldStartWith(start);
    }
}
