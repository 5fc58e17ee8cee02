using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Storage;

public sealed class SqliteResourceStoreTests : ResourceStoreContract, IAsyncLifetime
{
    private readonly StoreFile _file = new();
    private readonly List<SqliteDatabase> _opened = [];

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var database in _opened) await database.DisposeAsync();
        _file.Dispose();
    }

    [Fact]
    public async Task What_was_written_is_there_after_opening_again()
    {
        var store = Open();
        await store.CreateAsync(Key("a"), Bytes("kept"), Bytes(""), TestContext.Current.CancellationToken);
        await _opened[0].DisposeAsync();

        var found = await Open().FindAsync(Key("a"), TestContext.Current.CancellationToken);

        Text(found!.Spec).ShouldBe("kept");
    }

    protected override IResourceStore Open(int changeLogLength = 1000)
    {
        _opened.Add(_file.Open(Time));
        return new SqliteResourceStore(_opened[^1], changeLogLength);
    }

    // A second database object shares nothing with the first but the file: locks and signals are as between processes.
    protected override IResourceStore OpenAsOtherProcess() => Open();
}
