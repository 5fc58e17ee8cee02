using System.Security.Cryptography;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Storage;

namespace Stoker.ControlPlane.Tests.Models;

public sealed class ModelFilesTests : IAsyncLifetime
{
    private static readonly ModelName Name = ModelName.Parse("accounts/a/models/m");
    private static readonly Dictionary<string, long> Manifest = new() { ["model.safetensors"] = 100 };

    private readonly StoreFile _file = new();
    private SqliteDatabase _database = null!;
    private ModelFiles _files = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync()
    {
        _database = _file.Open();
        _files = new ModelFiles(new ModelStore(new SqliteResourceStore(_database, 100), _file.Data), _file.Data);
        _files.KeepOnly(Name, Manifest);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        _file.Dispose();
    }

    [Fact]
    public async Task A_file_appears_whole_under_its_name_only_when_published()
    {
        var bytes = RandomNumberGenerator.GetBytes(3 << 20); // more than one buffer

        var temporary = (await _files.ReceiveAsync(Name, "model.safetensors", bytes.Length, new MemoryStream(bytes), Cancellation)).Value;

        _files.SizeOf(Name, "model.safetensors").ShouldBeNull();
        _files.Publish(Name, "model.safetensors", temporary).ShouldBeTrue();
        (await File.ReadAllBytesAsync(Path.Combine(_files.FolderOf(Name), "model.safetensors"), Cancellation)).ShouldBe(bytes);
        Directory.GetFiles(_files.FolderOf(Name)).Length.ShouldBe(1);
    }

    [Theory]
    [InlineData(99)]
    [InlineData(101)]
    [InlineData(0)]
    public async Task A_body_of_another_length_leaves_nothing(int length)
    {
        var received =
            await _files.ReceiveAsync(Name, "model.safetensors", 100, new MemoryStream(new byte[length]), Cancellation);

        received.Problem!.Code.ShouldBe(Code.InvalidArgument);
        Directory.GetFiles(_files.FolderOf(Name)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_disk_that_fills_up_on_the_way_says_so_and_leaves_nothing()
    {
        var received = await _files.ReceiveAsync(Name, "model.safetensors", 100, new FillingDisk(), Cancellation);

        received.Problem!.Code.ShouldBe(Code.ResourceExhausted);
        received.Problem.Message.ShouldContain("model.safetensors needs 100 bytes");
        Directory.GetFiles(_files.FolderOf(Name)).ShouldBeEmpty();
    }

    [Fact]
    public async Task An_empty_file_is_a_file()
    {
        var temporary =
            (await _files.ReceiveAsync(Name, "model.safetensors", 0, new MemoryStream(), Cancellation)).Value;

        _files.Publish(Name, "model.safetensors", temporary).ShouldBeTrue();
        _files.SizeOf(Name, "model.safetensors").ShouldBe(0);
    }

    [Fact]
    public async Task What_a_killed_upload_left_goes_and_what_one_writes_now_stays()
    {
        var folder = _files.FolderOf(Name);
        await File.WriteAllTextAsync(Path.Combine(folder, "model.safetensors.dead.part"), "half", Cancellation);
        await using var running = new FileStream(
            Path.Combine(folder, "model.safetensors.live.part"), FileMode.CreateNew, FileAccess.Write, FileShare.None);

        _files.KeepOnly(Name, Manifest);

        Directory.GetFiles(folder).Select(Path.GetFileName).ShouldBe(["model.safetensors.live.part"]);
    }

    [Fact]
    public void Folders_are_for_their_owner_alone()
    {
        if (OperatingSystem.IsWindows()) return;

        File.GetUnixFileMode(_files.FolderOf(Name)).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>Fails as a write to a full disk does.</summary>
    private sealed class FillingDisk : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            throw new IOException("No space left on device", 28);
    }
}
