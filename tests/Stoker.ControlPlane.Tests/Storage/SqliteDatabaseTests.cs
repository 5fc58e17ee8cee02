using System.Text;
using Microsoft.Data.Sqlite;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Storage;

public sealed class SqliteDatabaseTests : IDisposable
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;
    private readonly StoreFile _file = new();

    public void Dispose() => _file.Dispose();

    [Fact]
    public async Task A_new_file_is_for_its_owner_alone()
    {
        await using var database = _file.Open();
        if (OperatingSystem.IsWindows()) return;

        foreach (var file in Directory.GetFiles(_file.Data.Root))
        {
            File.GetUnixFileMode(file).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite, file);
        }
    }

    [Fact]
    public async Task A_file_of_a_newer_schema_is_refused_with_both_versions()
    {
        await _file.Open().DisposeAsync();
        Run($"PRAGMA user_version = {SqliteSchema.Version + 4}");

        var error = Should.Throw<StorageException>(() => _file.Open());

        error.Fault.ShouldBe(StorageFault.Unusable);
        error.Message.ShouldContain($"schema version {SqliteSchema.Version + 4}");
        error.Message.ShouldContain($"up to {SqliteSchema.Version}");
        error.Message.ShouldContain(_file.Path);
    }

    [Fact]
    public void A_file_that_is_no_database_is_refused()
    {
        File.WriteAllText(_file.Path, new string('x', 5000));

        var error = Should.Throw<StorageException>(() => _file.Open());

        error.Fault.ShouldBe(StorageFault.Unusable);
        error.Message.ShouldContain(_file.Path);
        error.Message.ShouldContain("restore a copy");
    }

    [Fact]
    public void A_database_of_another_program_is_refused_and_left_alone()
    {
        using (var connection = new SqliteConnection($"Data Source={_file.Path};Pooling=False"))
        {
            connection.Open();
            Run(connection, "CREATE TABLE theirs (x)");
        }

        Should.Throw<StorageException>(() => _file.Open()).Message.ShouldContain("another program");
        Run("INSERT INTO theirs VALUES (1)");
    }

    [Fact]
    public async Task A_damaged_page_is_found_at_start()
    {
        await using (var database = _file.Open())
        {
            var store = new SqliteResourceStore(database, 100);
            for (var i = 0; i < 50; i++) await store.CreateAsync(Key(i), new byte[4000], new byte[10], Cancellation);
        }

        using (var stream = File.Open(_file.Path, FileMode.Open))
        {
            stream.Position = 4096 * 3;
            stream.Write(Encoding.ASCII.GetBytes(new string('?', 4096 * 4)));
        }

        var error = Should.Throw<StorageException>(() => _file.Open());

        (error.Fault, error.Message.Contains("damaged", StringComparison.Ordinal)).ShouldBe((StorageFault.Unusable, true), error.Message);
    }

    [Fact]
    public async Task A_full_disk_refuses_the_write_and_later_writes_work()
    {
        await using var database = _file.Open();
        var store = new SqliteResourceStore(database, 100);
        await store.CreateAsync(Key(0), new byte[10], new byte[10], Cancellation);

        // The writer's own connection gets the bound: a page count is what SQLite knows of a disk's size.
        var pages = await database.WriteAsync(session => session.Scalar("PRAGMA page_count"), Cancellation);
        await database.WriteAsync(session => session.Scalar($"PRAGMA max_page_count = {pages + 4}"), Cancellation);
        var error = await Should.ThrowAsync<StorageException>(() => store.CreateAsync(Key(1), new byte[100_000], new byte[10], Cancellation));
        error.Fault.ShouldBe(StorageFault.Full);
        error.Message.ShouldContain("full");
        (await store.FindAsync(Key(1), Cancellation)).ShouldBeNull();
        (await store.CreateAsync(Key(2), new byte[10], new byte[10], Cancellation)).Problem.ShouldBeNull();

        await database.WriteAsync(session => session.Scalar("PRAGMA max_page_count = 1000000"), Cancellation);
        (await store.CreateAsync(Key(1), new byte[100_000], new byte[10], Cancellation)).Problem.ShouldBeNull();
    }

    [Fact]
    public async Task One_failing_write_of_a_group_fails_alone()
    {
        await using var database = _file.Open();
        var store = new SqliteResourceStore(database, 100);
        using var gate = new ManualResetEventSlim();
        var holding = database.WriteAsync(
            _ =>
            {
                gate.Wait(Cancellation); // the writes below queue up behind this one and become one group
                return 0;
            },
            Cancellation);
        var writes = Enumerable.Range(0, 10).Select(i => store.CreateAsync(Key(i), new byte[10], new byte[10], Cancellation)).ToList();
        var failing = database.WriteAsync<int>(_ => throw new InvalidOperationException("mine"), Cancellation);
        writes.AddRange(Enumerable.Range(10, 10).Select(i => store.CreateAsync(Key(i), new byte[10], new byte[10], Cancellation)));
        gate.Set();

        await holding;
        (await Should.ThrowAsync<InvalidOperationException>(failing)).Message.ShouldBe("mine");
        (await Task.WhenAll(writes)).ShouldAllBe(result => result.Problem == null);
        (await store.ListAsync("models", null, Cancellation)).Items.Count.ShouldBe(20);
    }

    [Fact]
    public async Task Two_openings_of_a_new_file_at_once_make_one_schema()
    {
        var opened = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => _file.Open(), Cancellation)));

        var store = new SqliteResourceStore(opened[3], 100);
        (await store.CreateAsync(Key(0), new byte[1], new byte[1], Cancellation)).Value.Revision.ShouldBe(1);
        foreach (var database in opened) await database.DisposeAsync();
    }

    private static ResourceKey Key(int i) => new("models", "accounts/x", $"accounts/x/models/m-{i}");

    private void Run(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={_file.Path};Pooling=False");
        connection.Open();
        Run(connection, sql);
    }

    private static void Run(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Statements of this file.
        command.CommandText = sql;
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }
}
