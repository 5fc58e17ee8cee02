using Microsoft.Extensions.Options;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Storage;

namespace Stoker.ControlPlane.Tests.Accounts;

public sealed class FirstStartTests : IDisposable
{
    private readonly StoreFile _file = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _file.Dispose();

    [Fact]
    public async Task Makes_an_operator_whose_key_lies_in_a_file_for_its_owner_alone()
    {
        await using var database = _file.Open();
        await StartAsync(new SqliteResourceStore(database, 1000));

        var admin = await AdminAsync(database);
        (admin!.Account.ToString(), admin.User.ToString(), admin.Role, admin.IsOperator)
            .ShouldBe(("accounts/default", "accounts/default/users/admin", Role.Admin, true));
        if (!OperatingSystem.IsWindows()) File.GetUnixFileMode(_file.Data.AdminKey).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Directory.GetFiles(_file.Data.Root, "*.new").ShouldBeEmpty();
    }

    [Fact]
    public async Task The_key_itself_is_nowhere_in_the_store()
    {
        await using (var database = _file.Open()) await StartAsync(new SqliteResourceStore(database, 1000));

        var key = (await File.ReadAllTextAsync(_file.Data.AdminKey, Cancellation)).Trim();
        key.ShouldMatch("^fw_[0-9A-Za-z]{43}$");
        foreach (var path in Directory.GetFiles(_file.Data.Root).Where(path => path != _file.Data.AdminKey))
        {
            (await File.ReadAllTextAsync(path, Cancellation)).ShouldNotContain(key[ApiKey.ShownLength..]);
        }
    }

    [Fact]
    public async Task A_second_start_changes_nothing()
    {
        await using var database = _file.Open();
        var store = new SqliteResourceStore(database, 1000);
        await StartAsync(store);
        var (key, revision) = (await File.ReadAllTextAsync(_file.Data.AdminKey, Cancellation), (await store.ListAsync("accounts", null, Cancellation)).Revision);

        await StartAsync(store, firstAccount: "another");

        (await File.ReadAllTextAsync(_file.Data.AdminKey, Cancellation)).ShouldBe(key);
        (await store.ListAsync("accounts", null, Cancellation)).Revision.ShouldBe(revision);
    }

    [Fact]
    public async Task Killed_at_any_write_it_is_done_by_the_next_start()
    {
        for (var writes = 0; ; writes++)
        {
            using var file = new StoreFile();
            await using var database = file.Open();
            var store = new DyingStore(new SqliteResourceStore(database, 1000), writes);
            var died = false;
            try
            {
                await StartAsync(store, data: file.Data);
            }
            catch (IOException)
            {
                died = true;
                await StartAsync(store.Inner, data: file.Data);
            }

            (await AdminAsync(database, file.Data)).ShouldNotBeNull($"killed at write {writes}");
            (await store.Inner.ListAsync("users", null, Cancellation)).Items.Count.ShouldBe(1);
            (await store.Inner.ListAsync("apiKeys", null, Cancellation)).Items.Count.ShouldBe(1);
            if (!died)
            {
                writes.ShouldBeGreaterThanOrEqualTo(3);
                return;
            }
        }
    }

    [Fact]
    public async Task A_key_file_lost_between_two_tries_is_made_anew_and_the_lost_key_opens_nothing()
    {
        await using var database = _file.Open();
        var store = new DyingStore(new SqliteResourceStore(database, 1000), 2);
        await Should.ThrowAsync<IOException>(StartAsync(store));
        var lost = (await File.ReadAllTextAsync(_file.Data.AdminKey, Cancellation)).Trim();
        File.Delete(_file.Data.AdminKey);

        await StartAsync(store.Inner);

        (await AdminAsync(database)).ShouldNotBeNull();
        (await RingAsync(database)).Find(lost, DateTimeOffset.UnixEpoch).ShouldBeNull();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // lost altogether
    public async Task A_new_admin_key_can_be_asked_for_and_replaces_the_old_one(bool isGone)
    {
        await using var database = _file.Open();
        var store = new SqliteResourceStore(database, 1000);
        await StartAsync(store);
        var old = (await File.ReadAllTextAsync(_file.Data.AdminKey, Cancellation)).Trim();
        if (isGone) File.Delete(_file.Data.AdminKey);

        await StartAsync(store, firstAccount: "another", newAdminKey: true);

        (await File.ReadAllTextAsync(_file.Data.AdminKey, Cancellation)).Trim().ShouldNotBe(old);
        (await AdminAsync(database))!.ShouldSatisfyAllConditions(
            admin => admin.Account.ToString().ShouldBe("accounts/default"), admin => admin.IsOperator.ShouldBeTrue());
        (await RingAsync(database)).Find(old, DateTimeOffset.UnixEpoch).ShouldBeNull();
        (await store.ListAsync("accounts", null, Cancellation)).Items.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_file_that_is_no_key_of_ours_stops_the_start_and_stays()
    {
        await File.WriteAllTextAsync(_file.Data.AdminKey, "somebody's notes", Cancellation);
        await using var database = _file.Open();

        var error = await Should.ThrowAsync<InvalidDataException>(StartAsync(new SqliteResourceStore(database, 1000)));

        error.Message.ShouldContain(_file.Data.AdminKey);
        error.Message.ShouldNotContain("notes");
        (await File.ReadAllTextAsync(_file.Data.AdminKey, Cancellation)).ShouldBe("somebody's notes");
    }

    private Task StartAsync(IResourceStore store, string firstAccount = "default", DataDirectory? data = null, bool newAdminKey = false)
    {
        var options = new AccountOptions { FirstAccount = firstAccount, NewAdminKey = newAdminKey };
        return new FirstStart(new AccountStore(store), data ?? _file.Data, Options.Create(options)).RunAsync(Cancellation);
    }

    private async Task<Principal?> AdminAsync(SqliteDatabase database, DataDirectory? data = null) =>
        (await RingAsync(database)).Find((await File.ReadAllTextAsync((data ?? _file.Data).AdminKey, Cancellation)).Trim(), DateTimeOffset.UnixEpoch)?.Principal;

    private static async Task<KeyRing> RingAsync(SqliteDatabase database)
    {
        using var store = new AccountStore(new SqliteResourceStore(database, 1000));
        return KeyRing.From(
            await store.Accounts.ListAsync(null, Cancellation), await store.Users.ListAsync(null, Cancellation), await store.Keys.ListAsync(null, Cancellation), new KeyUses());
    }

    /// <summary>Lets some writes through and then behaves like a process that was killed.</summary>
    private sealed class DyingStore(IResourceStore inner, int writes) : IResourceStore
    {
        private int _left = writes;

        public IResourceStore Inner => inner;

        public ValueTask<StoredResource?> FindAsync(ResourceKey key, CancellationToken cancellation) =>
            inner.FindAsync(key, cancellation);

        public ValueTask<ResourceList> ListAsync(string kind, string? parent, CancellationToken cancellation) =>
            inner.ListAsync(kind, parent, cancellation);

        public ValueTask<ResourceChanges?> ChangesAsync(string kind, long afterRevision, CancellationToken cancellation) =>
            inner.ChangesAsync(kind, afterRevision, cancellation);

        public ValueTask<long> RevisionAsync(string kind, CancellationToken cancellation) => inner.RevisionAsync(kind, cancellation);

        public Task<Result<StoredResource>> CreateAsync(
            ResourceKey key, ReadOnlyMemory<byte> spec, ReadOnlyMemory<byte> status, CancellationToken cancellation) =>
            Alive() ?? inner.CreateAsync(key, spec, status, cancellation);

        public Task<Result<StoredResource>> UpdateSpecAsync(
            ResourceKey key, long expectedSpecRevision, ReadOnlyMemory<byte> spec, CancellationToken cancellation) =>
            Alive() ?? inner.UpdateSpecAsync(key, expectedSpecRevision, spec, cancellation);

        public Task<Result<StoredResource>> UpdateStatusAsync(
            ResourceKey key, long expectedStatusRevision, ReadOnlyMemory<byte> status, CancellationToken cancellation) =>
            Alive() ?? inner.UpdateStatusAsync(key, expectedStatusRevision, status, cancellation);

        public Task<Result<StoredResource>> DeleteAsync(
            ResourceKey key, long expectedSpecRevision, long expectedStatusRevision, CancellationToken cancellation) =>
            Alive() ?? inner.DeleteAsync(key, expectedSpecRevision, expectedStatusRevision, cancellation);

        public IAsyncEnumerable<ResourceChange> WatchAsync(string kind, long afterRevision, CancellationToken cancellation) =>
            inner.WatchAsync(kind, afterRevision, cancellation);

        private Task<Result<StoredResource>>? Alive() =>
            _left-- > 0 ? null : Task.FromException<Result<StoredResource>>(new IOException("killed"));
    }
}
