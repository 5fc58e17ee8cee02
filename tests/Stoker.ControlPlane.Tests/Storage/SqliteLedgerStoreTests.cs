using Microsoft.Data.Sqlite;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Metering;

namespace Stoker.ControlPlane.Tests.Storage;

public sealed class SqliteLedgerStoreTests : LedgerStoreContract, IAsyncLifetime
{
    private readonly StoreFile _file = new();
    private readonly List<SqliteDatabase> _opened = [];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var database in _opened) await database.DisposeAsync();
        _file.Dispose();
    }

    // A second database object shares nothing with the first but the file.
    public override ILedgerStore Open()
    {
        _opened.Add(_file.Open());
        return new SqliteLedgerStore(_opened[^1]);
    }

    [Theory]
    [InlineData("UPDATE ledger_events SET stamp = 0", "never changed")]
    [InlineData("DELETE FROM ledger_events", "never removed")]
    public async Task Not_even_by_hand_is_an_event_changed_or_removed(string sql, string expected)
    {
        var store = Open();
        await store.TakeOverAsync("r1", Cancellation);
        await store.WriteAsync("r1", new([LedgerEvents.Event(ReplicaId.Random(), 0, 10)], []), Cancellation);

        Should.Throw<SqliteException>(() => Run(sql)).Message.ShouldContain(expected);
        (await store.ReadAsync(LedgerPlace.Start, Cancellation))!.Events.ShouldHaveSingleItem();
    }

    [Fact]
    public async Task What_fails_in_the_middle_leaves_nothing_of_the_write()
    {
        var store = Open();
        await store.TakeOverAsync("r1", Cancellation);
        var good = LedgerEvents.Event(ReplicaId.Random(), 0, 10);
        var bad = LedgerEvents.Event(ReplicaId.Random(), 1, 10) with { Kind = LedgerEventKind.Ready }; // READY is number 0

        await Should.ThrowAsync<StorageException>(() => store.WriteAsync("r1", new([good, bad], []), Cancellation));

        (await store.ReadAsync(LedgerPlace.Start, Cancellation))!.Events.ShouldBeEmpty();
    }

    private void Run(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={_file.Path};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // constants of this class
        command.CommandText = sql;
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }
}
