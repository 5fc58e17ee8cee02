using System.Diagnostics;
using System.Net.Sockets;
using Stoker.Engine.Models;
using Stoker.Engine.Weights.Packed;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Weights.Packed;

/// <summary>What has a packed model's name and is no file: nobody waits for it, nothing of it is used.</summary>
public class PackedPlaceTests
{
    private const string Name = "stoker-bf16.packed";
    private const int Patience = 60_000; // ms; only a call that hangs comes to it

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory(Timeout = Patience)]
    [InlineData("pipe", "it is a pipe")]
    [InlineData("link to a pipe", "it is a pipe")]
    [InlineData("socket", "cannot be read")]
    [InlineData("folder", "cannot be read")]
    [InlineData("/dev/null", "it is cut")]
    [InlineData("/dev/zero", "is no packed model")]
    [InlineData("link to nothing", "is not there")]
    public async Task Opening_it_is_refused_at_once(string kind, string reason)
    {
        using var folder = new TemporaryFolder();
        using var made = await MakeAsync(kind, folder.File(Name));
        var open = Task.Run(() => Should.Throw<PackedFileException>(() => PackedFile.Open(folder.File(Name)).Dispose()), Cancellation);
        (await open).Message.ShouldContain(reason);
    }

    [Theory(Timeout = Patience)]
    [InlineData("pipe")]
    [InlineData("link to a pipe")]
    [InlineData("socket")]
    [InlineData("/dev/zero")]
    [InlineData("link to nothing")]
    public async Task Packing_replaces_it(string kind)
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Architecture("qwen3"));
        using var made = await MakeAsync(kind, folder.File(Name));
        (await Task.Run(() => ModelPacker.IsPacked(folder.Path), Cancellation)).ShouldBeFalse();
        (await Task.Run(() => ModelPacker.Pack(folder.Path, cancellation: Cancellation), Cancellation)).WasThere.ShouldBeFalse();
        ModelPacker.Verify(folder.Path, cancellation: Cancellation).File.ShouldBe(folder.File(Name));
    }

    [Fact]
    public void A_folder_is_left_as_it_is_and_named_before_any_work()
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Architecture("qwen3"));
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(folder.File(Name)).FullName, "kept"), "");
        Should.Throw<IOException>(() => ModelPacker.Pack(folder.Path, new() { Force = true }, _ => throw new InvalidOperationException("packed"), Cancellation))
            .Message.ShouldBe($"{folder.File(Name)} is a folder, where the packed model is to lie: remove it, or choose another --output");
        File.Exists(Path.Combine(folder.File(Name), "kept")).ShouldBeTrue();
    }

    /// <returns>What keeps it there; null where nothing has to.</returns>
    private static async Task<IDisposable?> MakeAsync(string kind, string path)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() || kind is "folder" or "link to nothing", "such things lie among the files of Linux");
        switch (kind)
        {
            case "pipe":
                using (var mkfifo = Process.Start("mkfifo", [path])) await mkfifo.WaitForExitAsync(Cancellation);
                File.Exists(path).ShouldBeTrue();
                return null;
            case "socket":
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                socket.Bind(new UnixDomainSocketEndPoint(path));
                return socket;
            case "folder":
                Directory.CreateDirectory(path);
                return null;
            case "link to a pipe":
                await MakeAsync("pipe", path + ".pipe");
                File.CreateSymbolicLink(path, path + ".pipe");
                return null;
            default:
                File.CreateSymbolicLink(path, kind == "link to nothing" ? path + ".gone" : kind);
                return null;
        }
    }
}
