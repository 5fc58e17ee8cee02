using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Stoker.Api.Names;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Storage;

namespace Stoker.ControlPlane.Tests.Accounts;

public sealed class KeyRingSourceTests : IDisposable
{
    private static readonly UserName Admin = AccountName.Parse("accounts/default").User(ResourceId.Parse("admin"));

    private readonly StoreFile _file = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _file.Dispose();

    [Fact]
    public async Task A_key_revoked_by_another_process_opens_nothing_once_the_change_is_seen()
    {
        await using var database = _file.Open();
        using var store = new AccountStore(new SqliteResourceStore(database, 1000));
        using var ring = Ring(store);
        await ring.StartAsync(Cancellation);
        var key = (await File.ReadAllTextAsync(_file.Data.AdminKey, Cancellation)).Trim();
        ring.Current.Find(key, DateTimeOffset.UnixEpoch).ShouldNotBeNull();
        var changed = ring.Changed;

        await using (var elsewhere = _file.Open())
        {
            using var other = new AccountStore(new SqliteResourceStore(elsewhere, 1000));
            var row = await other.Keys.FindAsync(new ApiKeyName(Admin, ResourceId.Parse("admin")), Cancellation);
            (await other.Keys.DeleteAsync(row!, Cancellation)).Problem.ShouldBeNull();
        }

        await changed.WaitAsync(Cancellation);
        ring.Current.Find(key, DateTimeOffset.UnixEpoch).ShouldBeNull();
        await ring.StopAsync(Cancellation);
    }

    [Fact]
    public async Task Keys_are_found_by_the_whole_key_and_by_nothing_less()
    {
        await using var database = _file.Open();
        using var store = new AccountStore(new SqliteResourceStore(database, 1000));
        using var ring = Ring(store);
        await ring.StartAsync(Cancellation);
        var key = (await File.ReadAllTextAsync(_file.Data.AdminKey, Cancellation)).Trim();

        foreach (var wrong in (string[])[key[..^1], key + "0", key.ToUpperInvariant(), " " + key, "", new string('x', 1 << 20)])
        {
            ring.Current.Find(wrong, DateTimeOffset.UnixEpoch).ShouldBeNull();
        }

        ring.Current.Find(key, DateTimeOffset.MaxValue)!.Principal.User.ShouldBe(Admin); // it never expires
        await ring.StopAsync(Cancellation);
    }

    [Fact]
    public async Task A_key_whose_user_is_gone_opens_nothing()
    {
        await using var database = _file.Open();
        using var store = new AccountStore(new SqliteResourceStore(database, 1000));
        using var ring = Ring(store);
        await ring.StartAsync(Cancellation);
        var key = (await File.ReadAllTextAsync(_file.Data.AdminKey, Cancellation)).Trim();

        await store.Users.DeleteAsync((await store.Users.FindAsync(Admin, Cancellation))!, Cancellation);
        await ring.ReloadAsync(Cancellation);

        ring.Current.Find(key, DateTimeOffset.UnixEpoch).ShouldBeNull();
        await ring.StopAsync(Cancellation);
    }

    [Fact]
    public async Task A_look_at_the_ring_allocates_nothing()
    {
        await using var database = _file.Open();
        using var store = new AccountStore(new SqliteResourceStore(database, 1000));
        using var ring = Ring(store);
        await ring.StartAsync(Cancellation);
        var key = (await File.ReadAllTextAsync(_file.Data.AdminKey, Cancellation)).Trim();
        var guesses = new GuessLimit(TimeProvider.System, Options.Create(new AccountOptions()));
        var address = System.Net.IPAddress.IPv6Loopback;
        Look(); // once before: the first look prepares what all use

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++) Look();

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
        await ring.StopAsync(Cancellation);

        void Look()
        {
            var remote = RemoteAddress.Of(address);
            var entry = ring.Current.Find(key, DateTimeOffset.UnixEpoch);
            if (guesses.WaitOf(remote) is not null || entry is null) throw new InvalidOperationException("the key does not open");
            entry.Use.Mark(DateTimeOffset.UnixEpoch, remote);
        }
    }

    [Fact]
    public void Keys_are_long_random_and_all_different()
    {
        var keys = Enumerable.Range(0, 1_000).Select(_ => ApiKey.Create()).ToList();

        keys.Distinct().Count().ShouldBe(keys.Count);
        keys.ShouldAllBe(key => ApiKey.HasForm(key) && key.Length <= ApiKey.MaxLength);
        keys.SelectMany(key => key[ApiKey.Prefix.Length..]).Distinct().Count().ShouldBe(62);
    }

    private KeyRingSource Ring(AccountStore store) => new(
        store, new FirstStart(store, _file.Data, Options.Create(new AccountOptions())), new KeyUses(), TimeProvider.System, NullLogger<KeyRingSource>.Instance);
}
