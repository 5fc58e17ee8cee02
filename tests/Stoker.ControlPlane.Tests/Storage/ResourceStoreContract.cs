using System.Text;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Storage;
using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Storage;

/// <summary>
/// What every implementation of <see cref="IResourceStore"/> holds; one class per implementation inherits it.
/// </summary>
public abstract class ResourceStoreContract
{
    private const string Kind = "models";
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    protected ManualTime Time { get; } = new(new DateTimeOffset(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));

    /// <summary>A store on the same data as every other one that this test opened.</summary>
    protected abstract IResourceStore Open(int changeLogLength = 1000);

    /// <summary>
    /// The same data as another process sees it: it learns of changes by looking, each time that the clock is advanced.
    /// </summary>
    protected abstract IResourceStore OpenAsOtherProcess();

    [Fact]
    public async Task A_created_resource_is_found_as_written()
    {
        var store = Open();

        var created = (await store.CreateAsync(Key("a"), Bytes("spec"), Bytes("status"), Cancellation)).Value;

        var found = (await store.FindAsync(Key("a"), Cancellation))!;
        (Text(found.Spec), Text(found.Status), found.Generation).ShouldBe(("spec", "status", 1));
        (found.SpecRevision, found.StatusRevision, found.Revision).ShouldBe((created.SpecRevision, created.StatusRevision, created.Revision));
        (found.CreateTime, found.UpdateTime).ShouldBe((Time.GetUtcNow(), Time.GetUtcNow()));
        (await store.FindAsync(Key("b"), Cancellation)).ShouldBeNull();
    }

    [Fact]
    public async Task A_second_create_of_a_name_is_refused_and_changes_nothing()
    {
        var store = Open();
        await store.CreateAsync(Key("a"), Bytes("first"), Bytes(""), Cancellation);

        var second = await store.CreateAsync(Key("a"), Bytes("second"), Bytes(""), Cancellation);

        second.Problem!.Code.ShouldBe(Code.AlreadyExists);
        second.Problem.Message.ShouldContain("accounts/x/models/a");
        Text((await store.FindAsync(Key("a"), Cancellation))!.Spec).ShouldBe("first");
    }

    [Fact]
    public async Task Spec_and_status_have_their_own_revisions()
    {
        var store = Open();
        var row = (await store.CreateAsync(Key("a"), Bytes("s1"), Bytes("t1"), Cancellation)).Value;
        Time.Advance(TimeSpan.FromMinutes(1));

        var status = (await store.UpdateStatusAsync(Key("a"), row.StatusRevision, Bytes("t2"), Cancellation)).Value;
        var spec = await store.UpdateSpecAsync(Key("a"), row.SpecRevision, Bytes("s2"), Cancellation);

        // a status write does not fail a user's update
        (status.Generation, status.SpecRevision).ShouldBe((1, row.SpecRevision));
        spec.Value.Generation.ShouldBe(2);
        spec.Value.StatusRevision.ShouldBe(status.StatusRevision);
        spec.Value.SpecRevision.ShouldBeGreaterThan(status.StatusRevision);
        spec.Value.UpdateTime.ShouldBe(row.CreateTime.AddMinutes(1));
        var found = (await store.FindAsync(Key("a"), Cancellation))!;
        (Text(found.Spec), Text(found.Status), found.Generation).ShouldBe(("s2", "t2", 2));
    }

    [Fact]
    public async Task A_write_with_an_old_revision_is_refused_and_changes_nothing()
    {
        var store = Open();
        var row = (await store.CreateAsync(Key("a"), Bytes("s1"), Bytes("t1"), Cancellation)).Value;
        await store.UpdateSpecAsync(Key("a"), row.SpecRevision, Bytes("s2"), Cancellation);
        await store.UpdateStatusAsync(Key("a"), row.StatusRevision, Bytes("t2"), Cancellation);

        (await store.UpdateSpecAsync(Key("a"), row.SpecRevision, Bytes("s3"), Cancellation)).Problem!.Code.ShouldBe(Code.Aborted);
        (await store.UpdateStatusAsync(Key("a"), row.StatusRevision, Bytes("t3"), Cancellation)).Problem!.Code.ShouldBe(Code.Aborted);
        (await store.DeleteAsync(Key("a"), row.SpecRevision, row.StatusRevision, Cancellation)).Problem!.Code.ShouldBe(Code.Aborted);

        var found = (await store.FindAsync(Key("a"), Cancellation))!;
        (Text(found.Spec), Text(found.Status)).ShouldBe(("s2", "t2"));
    }

    [Fact]
    public async Task A_write_to_a_missing_resource_says_not_found()
    {
        var store = Open();

        (await store.UpdateSpecAsync(Key("a"), 1, Bytes("s"), Cancellation)).Problem!.Code.ShouldBe(Code.NotFound);
        (await store.UpdateStatusAsync(Key("a"), 1, Bytes("s"), Cancellation)).Problem!.Code.ShouldBe(Code.NotFound);
        (await store.DeleteAsync(Key("a"), 1, 1, Cancellation)).Problem!.Code.ShouldBe(Code.NotFound);
    }

    [Fact]
    public async Task Of_concurrent_updates_from_one_revision_exactly_one_wins()
    {
        var store = Open();
        var row = (await store.CreateAsync(Key("a"), Bytes("0"), Bytes(""), Cancellation)).Value;

        var results = await Task.WhenAll(Enumerable.Range(1, 50).Select(i =>
            store.UpdateSpecAsync(Key("a"), row.SpecRevision, Bytes($"{i}"), Cancellation)));

        results.Count(result => result.Problem is null).ShouldBe(1);
        results.Where(result => result.Problem is not null).ShouldAllBe(result => result.Problem!.Code == Code.Aborted);
        (await store.FindAsync(Key("a"), Cancellation))!.Generation.ShouldBe(2);
    }

    [Fact]
    public async Task Writers_that_read_again_when_refused_lose_no_update()
    {
        var (here, there) = (Open(), OpenAsOtherProcess());
        await here.CreateAsync(Key("a"), Bytes("0"), Bytes(""), Cancellation);

        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => Add10(i % 2 == 0 ? here : there), Cancellation)));

        Text((await here.FindAsync(Key("a"), Cancellation))!.Spec).ShouldBe("80");

        static async Task Add10(IResourceStore store)
        {
            for (var done = 0; done < 10;)
            {
                var row = (await store.FindAsync(Key("a"), Cancellation))!;
                var next = Bytes($"{int.Parse(Text(row.Spec), null) + 1}");
                if ((await store.UpdateSpecAsync(Key("a"), row.SpecRevision, next, Cancellation)).Problem is null) done++;
            }
        }
    }

    [Fact]
    public async Task A_list_is_by_name_of_one_parent_or_of_all()
    {
        var store = Open();
        foreach (var (account, id) in new[] { ("x", "b"), ("y", "c"), ("x", "a-1"), ("x", "a") })
        {
            await store.CreateAsync(Key(id, account), Bytes(id), Bytes(""), Cancellation);
        }

        await store.CreateAsync(new ResourceKey("deployments", "accounts/x", "accounts/x/deployments/d"), Bytes(""), Bytes(""), Cancellation);

        var ofX = await store.ListAsync(Kind, "accounts/x", Cancellation);
        ofX.Items.Select(row => Text(row.Spec)).ShouldBe(["a", "a-1", "b"]);
        ofX.Revision.ShouldBe(5);
        (await store.ListAsync(Kind, null, Cancellation)).Items.Count.ShouldBe(4);
        (await store.ListAsync(Kind, "accounts/z", Cancellation)).Items.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_watch_sees_create_update_and_delete_in_order()
    {
        var store = Open();
        await store.CreateAsync(Key("before"), Bytes(""), Bytes(""), Cancellation);
        var start = (await store.ListAsync(Kind, null, Cancellation)).Revision;
        await using var watch = store.WatchAsync(Kind, start, Cancellation).GetAsyncEnumerator(Cancellation);

        var row = (await store.CreateAsync(Key("a"), Bytes("s1"), Bytes(""), Cancellation)).Value;
        var created = await Next(watch);
        row = (await store.UpdateSpecAsync(Key("a"), row.SpecRevision, Bytes("s2"), Cancellation)).Value;
        var updated = await Next(watch);
        await store.DeleteAsync(Key("a"), row.SpecRevision, row.StatusRevision, Cancellation);
        var deleted = await Next(watch);

        (Text(created.Resource!.Spec), Text(updated.Resource!.Spec), deleted.Resource).ShouldBe(("s1", "s2", null));
        deleted.Key.ShouldBe(Key("a"));
        new[] { created.Revision, updated.Revision, deleted.Revision }.ShouldBeInOrder(SortDirection.Ascending);
    }

    [Fact]
    public async Task A_name_deleted_and_made_again_is_seen_as_both()
    {
        var store = Open();
        var row = (await store.CreateAsync(Key("a"), Bytes("old"), Bytes(""), Cancellation)).Value;
        await store.DeleteAsync(Key("a"), row.SpecRevision, row.StatusRevision, Cancellation);
        await store.CreateAsync(Key("a"), Bytes("new"), Bytes(""), Cancellation);
        await using var watch = store.WatchAsync(Kind, row.Revision, Cancellation).GetAsyncEnumerator(Cancellation);

        (await Next(watch)).Resource.ShouldBeNull();
        Text((await Next(watch)).Resource!.Spec).ShouldBe("new");
    }

    [Fact]
    public async Task A_watch_under_many_writers_ends_with_the_state_that_a_list_shows()
    {
        const int Names = 40, Writers = 4;
        var store = Open();
        var seen = new Dictionary<string, string>();

        var writing = Task.WhenAll(Enumerable.Range(0, Writers).Select(seed => Task.Run(() => WriteAtRandom(store, seed, Names), Cancellation)));
        await using var watch = store.WatchAsync(Kind, 0, Cancellation).GetAsyncEnumerator(Cancellation);
        var last = 0L;
        var next = watch.MoveNextAsync().AsTask();
        await writing;
        await store.CreateAsync(Key("last"), Bytes("last"), Bytes(""), Cancellation);
        while (await next && !seen.ContainsKey(Key("last").Name))
        {
            var change = watch.Current;
            change.Revision.ShouldBeGreaterThan(last);
            last = change.Revision;
            if (change.Resource is { } row) seen[change.Key.Name] = Text(row.Spec);
            else seen.Remove(change.Key.Name);
            if (change.Key == Key("last")) break;
            next = watch.MoveNextAsync().AsTask();
        }

        var list = await store.ListAsync(Kind, null, Cancellation);
        seen.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}={pair.Value}")
            .ShouldBe(list.Items.Select(row => $"{row.Key.Name}={Text(row.Spec)}"));
    }

    [Fact]
    public async Task A_watch_of_more_changes_than_one_batch_gets_them_all()
    {
        var store = Open();
        await Task.WhenAll(Enumerable.Range(0, 1200).Select(i => store.CreateAsync(Key($"m-{i}"), Bytes(""), Bytes(""), Cancellation)));
        await using var watch = store.WatchAsync(Kind, 0, Cancellation).GetAsyncEnumerator(Cancellation);

        for (var i = 1; i <= 1200; i++) (await Next(watch)).Revision.ShouldBe(i);
    }

    [Fact]
    public async Task A_watch_from_before_the_compacted_deletions_says_so()
    {
        var store = Open(changeLogLength: 4);
        for (var i = 0; i < 20; i++) await CreateAndDelete(store, $"m-{i}");

        await using var tooOld = store.WatchAsync(Kind, 1, Cancellation).GetAsyncEnumerator(Cancellation);
        await Should.ThrowAsync<WatchExpiredException>(async () => await tooOld.MoveNextAsync());

        var again = (await store.ListAsync(Kind, null, Cancellation)).Revision;
        await using var watch = store.WatchAsync(Kind, again, Cancellation).GetAsyncEnumerator(Cancellation);
        await store.CreateAsync(Key("new"), Bytes(""), Bytes(""), Cancellation);
        (await Next(watch)).Key.ShouldBe(Key("new"));
    }

    [Fact]
    public async Task A_watch_of_a_quiet_kind_does_not_expire_by_deletions_of_another()
    {
        var store = Open(changeLogLength: 4);
        await using var quiet = store.WatchAsync("deployments", 0, Cancellation).GetAsyncEnumerator(Cancellation);
        var next = quiet.MoveNextAsync().AsTask();
        for (var i = 0; i < 20; i++)
        {
            await CreateAndDelete(store, $"m-{i}");
        }

        var key = new ResourceKey("deployments", "accounts/x", "accounts/x/deployments/d");
        await store.CreateAsync(key, Bytes(""), Bytes(""), Cancellation);

        (await next).ShouldBeTrue();
        quiet.Current.Key.ShouldBe(key);
    }

    [Fact]
    public async Task The_revision_of_a_kind_rises_with_each_of_its_writes_and_with_no_other()
    {
        var store = Open();
        var other = new ResourceKey("users", "accounts/x", "accounts/x/users/u");
        (await store.RevisionAsync(Kind, Cancellation)).ShouldBe(0);
        var seen = new List<long>();

        var row = (await store.CreateAsync(Key("a"), Bytes(""), Bytes(""), Cancellation)).Value;
        await NoteAsync();
        await store.CreateAsync(other, Bytes(""), Bytes(""), Cancellation);
        (await store.RevisionAsync(Kind, Cancellation)).ShouldBe(seen[^1]);
        row = (await store.UpdateSpecAsync(Key("a"), row.SpecRevision, Bytes("1"), Cancellation)).Value;
        await NoteAsync();
        row = (await store.UpdateStatusAsync(Key("a"), row.StatusRevision, Bytes("1"), Cancellation)).Value;
        await NoteAsync();
        (await store.UpdateStatusAsync(Key("a"), row.StatusRevision - 1, Bytes("2"), Cancellation)).Problem.ShouldNotBeNull();
        (await store.RevisionAsync(Kind, Cancellation)).ShouldBe(seen[^1]);
        await store.DeleteAsync(Key("a"), row.SpecRevision, row.StatusRevision, Cancellation);
        await NoteAsync();
        await store.CreateAsync(Key("a"), Bytes(""), Bytes(""), Cancellation);
        await NoteAsync();

        seen.ShouldBe(seen.Order());
        seen.Distinct().Count().ShouldBe(seen.Count);

        async Task NoteAsync() => seen.Add(await store.RevisionAsync(Kind, Cancellation));
    }

    [Fact]
    public async Task The_revision_of_a_kind_never_falls_also_when_its_deletions_are_forgotten()
    {
        var (store, before) = (Open(changeLogLength: 1), 0L);
        for (var i = 0; i < 10; i++)
        {
            await CreateAndDelete(store, $"m-{i}");
            var after = await store.RevisionAsync(Kind, Cancellation);
            after.ShouldBeGreaterThan(before);
            before = after;
        }

        var user = (await store.CreateAsync(new("users", "accounts/x", "accounts/x/users/u"), Bytes(""), Bytes(""), Cancellation)).Value;
        await store.DeleteAsync(user.Key, user.SpecRevision, user.StatusRevision, Cancellation); // compacts the last one of the others
        (await store.RevisionAsync(Kind, Cancellation)).ShouldBe(before);
    }

    [Fact]
    public async Task A_cancelled_watch_ends()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        await using var watch = Open().WatchAsync(Kind, 0, stop.Token).GetAsyncEnumerator(stop.Token);
        var next = watch.MoveNextAsync().AsTask();

        await stop.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(next);
    }

    [Fact]
    public async Task Another_process_sees_a_change_at_its_next_look()
    {
        var (here, there) = (Open(), OpenAsOtherProcess());
        await using var watch = there.WatchAsync(Kind, 0, Cancellation).GetAsyncEnumerator(Cancellation);
        var next = watch.MoveNextAsync().AsTask();

        await here.CreateAsync(Key("a"), Bytes("here"), Bytes(""), Cancellation);
        Time.Advance(TimeSpan.FromSeconds(1));

        (await next).ShouldBeTrue();
        Text(watch.Current.Resource!.Spec).ShouldBe("here");
    }

    [Fact]
    public async Task A_cancelled_write_that_has_not_begun_is_not_done()
    {
        var store = Open();

        await Should.ThrowAsync<OperationCanceledException>(
            () => store.CreateAsync(Key("a"), Bytes(""), Bytes(""), new CancellationToken(canceled: true)));

        (await store.FindAsync(Key("a"), Cancellation)).ShouldBeNull();
    }

    protected static ResourceKey Key(string id, string account = "x") =>
        new(Kind, $"accounts/{account}", $"accounts/{account}/models/{id}");

    protected static ReadOnlyMemory<byte> Bytes(string text) => Encoding.UTF8.GetBytes(text);

    protected static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);

    private static async Task<ResourceChange> Next(IAsyncEnumerator<ResourceChange> watch)
    {
        (await watch.MoveNextAsync()).ShouldBeTrue();
        return watch.Current;
    }

    private static async Task CreateAndDelete(IResourceStore store, string id)
    {
        var row = (await store.CreateAsync(Key(id), Bytes(""), Bytes(""), Cancellation)).Value;
        (await store.DeleteAsync(Key(id), row.SpecRevision, row.StatusRevision, Cancellation)).Problem.ShouldBeNull();
    }

    private static async Task WriteAtRandom(IResourceStore store, int seed, int names)
    {
        var random = new Random(seed);
        for (var i = 0; i < 100; i++)
        {
            var key = Key($"m-{random.Next(names)}");
            if (await store.FindAsync(key, Cancellation) is not { } row) await store.CreateAsync(key, Bytes($"{seed}.{i}"), Bytes(""), Cancellation);
            else if (random.Next(3) == 0) await store.DeleteAsync(key, row.SpecRevision, row.StatusRevision, Cancellation);
            else await store.UpdateSpecAsync(key, row.SpecRevision, Bytes($"{seed}.{i}"), Cancellation);
        }
    }
}
