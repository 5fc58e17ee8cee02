using System.Runtime.Versioning;
using Stoker.ControlPlane.Models;
using Stoker.EndToEnd.Tests.Harness;
using Stoker.Server.Packing;

namespace Stoker.EndToEnd.Tests.Packing;

/// <summary>The process that a server packs a model in.</summary>
public class PackProcessTests
{
    private static readonly PackProcess Packer = new() { Program = Path.Combine(AppContext.BaseDirectory, "stoker") };

    [Fact]
    public async Task Cancelled_it_leaves_nothing_half_done()
    {
        using var sandbox = new Sandbox();
        var folder = SparseModel.Write(Path.Combine(sandbox.Root, "sparse"));
        using var stop = new CancellationTokenSource();
        var packing = Packer.PackAsync(folder, stop.Token);
        await Patience.UntilAsync(() => Task.FromResult(Halves(folder)), halves => halves.Length == 1, "a half");
        await stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(packing);
        Halves(folder).ShouldBeEmpty();
        Packer.IsPacked(folder).ShouldBeFalse("it was to be cancelled before its end; make the model larger");
    }

    [Fact]
    public async Task What_cannot_be_packed_is_told_in_the_words_of_stoker_pack()
    {
        using var sandbox = new Sandbox();
        var result = await Packer.PackAsync(Path.Combine(sandbox.Root, "gone"), TestContext.Current.CancellationToken);
        result.Problem.ShouldNotBeNull().Message.ShouldBe("gone: the model folder does not exist");
    }

    [Theory]
    [InlineData("echo \"stoker: $3/stoker-fp8.packed: the disk is full: make room\" >&2; exit 1", "stoker-fp8.packed: the disk is full: make room")]
    [InlineData("kill -9 $$", "stoker prepare was ended by signal 9 (9 is how a system without memory ends a process): look at the server's memory and disk, and ask again")]
    [InlineData("exit 3", "stoker prepare ended with 3; the server's log may say more")]
    [UnsupportedOSPlatform("windows")]
    public async Task A_preparation_that_ended_says_why_without_the_servers_paths(string script, string reason)
    {
        using var sandbox = new Sandbox();
        var program = Path.Combine(sandbox.Root, "program");
        await File.WriteAllTextAsync(program, $"#!/bin/sh\n{script}\n", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var prepared = await new PackProcess { Program = program }.PrepareAsync(
            Path.Combine(sandbox.Root, "model"), Precision.Fp8, _ => Task.CompletedTask, TestContext.Current.CancellationToken);
        prepared.Problem.ShouldNotBeNull().Message.ShouldBe(reason);
    }

    private static string[] Halves(string folder) =>
        Directory.GetFiles(folder, "*.part", new EnumerationOptions { AttributesToSkip = 0 });
}
