using System.Text;
using System.Text.Json.Serialization;
using Stoker.Api.Names;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Storage;

public sealed class TypedStoreTests : IAsyncLifetime
{
    private readonly StoreFile _file = new();
    private SqliteDatabase _database = null!;
    private SqliteResourceStore _store = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static ModelName Name { get; } = ModelName.Parse("accounts/a/models/m");

    public ValueTask InitializeAsync()
    {
        _database = _file.Open();
        _store = new SqliteResourceStore(_database, 100);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        _file.Dispose();
    }

    [Fact]
    public async Task Bodies_come_back_as_they_went_in()
    {
        var typed = Typed(1);
        var row = (await typed.CreateAsync(Name, new ThingSpec("spec", 1), new ThingStatus("new"), Cancellation)).Value;
        row = (await typed.UpdateStatusAsync(row, new ThingStatus("seen"), Cancellation)).Value;
        row = (await typed.UpdateSpecAsync(row, new ThingSpec("changed", 2), Cancellation)).Value;

        typed = Typed(1); // one that has read nothing yet
        var found = (await typed.FindAsync(Name, Cancellation))!;

        found.ShouldBe(row);
        (found.Spec, found.Status, found.Generation).ShouldBe((new ThingSpec("changed", 2), new ThingStatus("seen"), 2));
        (await typed.ListAsync("accounts/a", Cancellation)).Items.ShouldBe([found]);
        (await typed.ListAsync("accounts/b", Cancellation)).Items.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_row_is_parsed_once_and_anew_after_a_write_by_anybody()
    {
        var (typed, other) = (Typed(1), Typed(1));
        await other.CreateAsync(Name, new ThingSpec("spec", 1), new ThingStatus("new"), Cancellation);
        var first = (await typed.FindAsync(Name, Cancellation))!;

        (await typed.FindAsync(Name, Cancellation)).ShouldBeSameAs(first);
        (await typed.ListAsync(null, Cancellation)).Items.ShouldHaveSingleItem().ShouldBeSameAs(first);
        await other.UpdateStatusAsync((await other.FindAsync(Name, Cancellation))!, new ThingStatus("seen"), Cancellation);

        var second = (await typed.FindAsync(Name, Cancellation))!;
        second.Status.ShouldBe(new ThingStatus("seen"));
        second.Spec.ShouldBeSameAs(first.Spec); // of the same revision
        await other.DeleteAsync((await other.FindAsync(Name, Cancellation))!, Cancellation);
        (await typed.FindAsync(Name, Cancellation)).ShouldBeNull();
        await other.CreateAsync(Name, new ThingSpec("again", 1), new ThingStatus("new"), Cancellation);
        (await typed.FindAsync(Name, Cancellation))!.Spec.ShouldBe(new ThingSpec("again", 1));
    }

    [Theory]
    [InlineData(1)] // the log forgets nearly at once: all is listed anew
    [InlineData(1000)]
    public async Task A_list_is_what_one_sees_who_reads_for_the_first_time(int changeLogLength)
    {
        var store = new SqliteResourceStore(_database, changeLogLength);
        var (writer, reader) = (Typed(1, store), Typed(1, store));
        var random = new Random(7);
        for (var step = 0; step < 300; step++)
        {
            var name = ModelName.Parse($"accounts/{"ab"[random.Next(2)]}/models/m-{random.Next(8)}");
            if (await writer.FindAsync(name, Cancellation) is not { } row) await writer.CreateAsync(name, new("spec", step), new("new"), Cancellation);
            else if (random.Next(3) == 0) await writer.DeleteAsync(row, Cancellation);
            else await writer.UpdateStatusAsync(row, new($"{step}"), Cancellation);
            if (random.Next(3) > 0) continue;

            foreach (var parent in (string?[])[null, "accounts/a", "accounts/b"])
            {
                var (seen, fresh) = (await reader.ListAsync(parent, Cancellation), await Typed(1, store).ListAsync(parent, Cancellation));
                seen.Items.ShouldBe(fresh.Items);
                seen.Revision.ShouldBe(fresh.Revision);
                seen.Items.Select(item => item.Name.ToString()).ShouldBe(seen.Items.Select(item => item.Name.ToString()).Order(StringComparer.Ordinal));
            }
        }
    }

    [Fact]
    public async Task Of_a_list_only_what_changed_is_read_again()
    {
        var watched = new WatchedResourceStore(_store);
        var typed = Typed(1, watched);
        var row = (await typed.CreateAsync(Name, new("spec", 1), new("new"), Cancellation)).Value;
        await typed.ListAsync("accounts/a", Cancellation);
        await typed.ListAsync(null, Cancellation);
        await typed.UpdateStatusAsync(row, new("seen"), Cancellation);
        (await typed.ListAsync("accounts/a", Cancellation)).Items.ShouldHaveSingleItem().Status.ShouldBe(new("seen"));
        watched.Calls.ShouldBe(["create models", "list models", "changes models", "write models", "changes models"]);
    }

    [Fact]
    public async Task Of_rows_that_are_gone_nothing_is_kept()
    {
        var (typed, other) = (Typed(1), Typed(1));
        foreach (var id in (string[])["m", "n", "o"])
        {
            await other.CreateAsync(ModelName.Parse($"accounts/a/models/{id}"), new ThingSpec("spec", 1), new ThingStatus("new"), Cancellation);
        }

        (await typed.ListAsync("accounts/a", Cancellation)).Items.Count.ShouldBe(3);
        typed.ParsedCount.ShouldBe(3);
        await typed.DeleteAsync((await typed.FindAsync(Name, Cancellation))!, Cancellation);
        typed.ParsedCount.ShouldBe(2);
        await other.DeleteAsync((await other.FindAsync(ModelName.Parse("accounts/a/models/n"), Cancellation))!, Cancellation); // unseen
        await typed.ListAsync(null, Cancellation);
        typed.ParsedCount.ShouldBe(1);
    }

    [Fact]
    public async Task A_watch_has_names_and_bodies_and_tells_deletions()
    {
        var typed = Typed(1);
        var row = (await typed.CreateAsync(Name, new ThingSpec("spec", 1), new ThingStatus("new"), Cancellation)).Value;
        await using var watch = typed.WatchAsync(0, Cancellation).GetAsyncEnumerator(Cancellation);

        await watch.MoveNextAsync();
        watch.Current.Resource.ShouldBe(row);
        await typed.DeleteAsync(row, Cancellation);
        await watch.MoveNextAsync();
        (watch.Current.Name, watch.Current.Resource).ShouldBe((Name, null));
    }

    [Fact]
    public async Task A_body_says_its_schema_and_one_of_a_newer_program_is_refused()
    {
        await Typed(3).CreateAsync(Name, new ThingSpec("spec", 1), new ThingStatus("new"), Cancellation);

        var raw = (await _store.FindAsync(new ResourceKey("models", "accounts/a", Name.ToString()), Cancellation))!;
        Encoding.UTF8.GetString(raw.Spec.Span).ShouldStartWith("""{"schema":3,"value":{""");
        (await Typed(3).FindAsync(Name, Cancellation)).ShouldNotBeNull();
        var error = await Should.ThrowAsync<StorageException>(async () => await Typed(2).FindAsync(Name, Cancellation));
        error.Message.ShouldContain("schema 3");
        error.Message.ShouldContain("newer program");
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{\"schema\":1}")]
    [InlineData("{\"schema\":\"1\",\"value\":{}}")]
    [InlineData("{\"schema\":1,\"value\":null}")]
    [InlineData("{\"schema\":1,\"value\":{\"text\":5}}")]
    public async Task A_body_that_cannot_be_read_names_its_resource(string body)
    {
        var key = new ResourceKey("models", "accounts/a", Name.ToString());
        await _store.CreateAsync(key, Encoding.UTF8.GetBytes(body), Encoding.UTF8.GetBytes(body), Cancellation);

        (await Should.ThrowAsync<StorageException>(async () => await Typed(1).FindAsync(Name, Cancellation))).Message.ShouldContain(Name.ToString());
    }

    [Fact]
    public async Task An_accounts_parent_is_empty()
    {
        var accounts = new TypedStore<AccountName, ThingSpec, ThingStatus>(
            _store, "accounts", ThingJson.Default.ThingSpec, ThingJson.Default.ThingStatus);

        await accounts.CreateAsync(AccountName.Parse("accounts/a"), new ThingSpec("s", 1), new ThingStatus("t"), Cancellation);

        (await _store.ListAsync("accounts", "", Cancellation)).Items.Single().Key.ShouldBe(new ResourceKey("accounts", "", "accounts/a"));
    }

    private TypedStore<ModelName, ThingSpec, ThingStatus> Typed(int schema, IResourceStore? store = null) =>
        new(store ?? _store, "models", ThingJson.Default.ThingSpec, ThingJson.Default.ThingStatus, schema);
}

internal sealed record ThingSpec(string Text, int Number);

internal sealed record ThingStatus(string Text);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ThingSpec))]
[JsonSerializable(typeof(ThingStatus))]
internal sealed partial class ThingJson : JsonSerializerContext;
