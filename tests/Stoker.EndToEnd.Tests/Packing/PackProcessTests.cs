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
        result.Problem.ShouldNotBeNull().Message.ShouldBe("stoker: gone: the model folder does not exist");
    }

    private static string[] Halves(string folder) =>
        Directory.GetFiles(folder, "*.part", new EnumerationOptions { AttributesToSkip = 0 });
}
