using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Metering;

namespace Stoker.ControlPlane.Tests.Storage;

public sealed class SqliteRequestStoreTests : RequestStoreContract, IAsyncDisposable
{
    private readonly StoreFile _file = new();
    private readonly List<SqliteDatabase> _opened = [];

    public override IRequestStore Open()
    {
        _opened.Add(_file.Open());
        return new SqliteRequestStore(_opened[^1]);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var database in _opened) await database.DisposeAsync();
        _file.Dispose();
    }

    [Theory]
    [InlineData("UPDATE request_ledger SET generated = 0")]
    [InlineData("DELETE FROM request_ledger")]
    public async Task Nothing_that_is_written_is_changed_or_removed(string sql)
    {
        await Open().AppendAsync([RequestRows.Row()], Cancellation);
        await Should.ThrowAsync<StorageException>(() => _opened[0].WriteAsync(session => session.Execute(sql), Cancellation));
        (await Open().ReadAsync(0, 10, Cancellation)).ShouldHaveSingleItem().Tokens.ShouldBe(RequestRows.Row().Tokens);
    }
}
