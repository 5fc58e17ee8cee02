using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Storage;

public sealed class SqliteEventLogTests : IAsyncLifetime
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private readonly StoreFile _file = new();
    private SqliteDatabase _database = null!;
    private SqliteEventLog _log = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync()
    {
        _database = _file.Open();
        _log = new(_database);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        _file.Dispose();
    }

    [Fact]
    public async Task Events_come_back_in_the_order_of_their_writing()
    {
        var (first, second) = (Event("d", "1/READY") with { Time = Noon.AddHours(1) }, Event("d", "2/FAILED")); // the clock stepped back
        await _log.AppendAsync("d", [first], kept: 10, Cancellation);
        await _log.AppendAsync("d", [second], kept: 10, Cancellation);
        (await _log.ListAsync("d", Cancellation)).ShouldBe([first, second]);
        (await _log.ListAsync("e", Cancellation)).ShouldBeEmpty();
    }

    [Fact]
    public async Task The_same_event_is_written_once()
    {
        await _log.AppendAsync("d", [Event("d", "1/READY")], kept: 10, Cancellation);
        await _log.AppendAsync("d", [Event("d", "1/READY") with { Message = "again" }, Event("d", "1/UPDATING")], kept: 10, Cancellation);
        (await _log.ListAsync("d", Cancellation)).Select(item => (item.Key, item.Message)).ShouldBe([("1/READY", "text"), ("1/UPDATING", "text")]);
        await _log.AppendAsync("e", [Event("e", "1/READY")], kept: 10, Cancellation); // another owner's is another event
        (await _log.ListAsync("e", Cancellation)).Count.ShouldBe(1);
    }

    [Fact]
    public async Task The_newest_stay_when_there_are_too_many()
    {
        await _log.AppendAsync("other", [Event("other", "0")], kept: 3, Cancellation);
        for (var number = 1; number <= 7; number++) await _log.AppendAsync("d", [Event("d", $"{number}")], kept: 3, Cancellation);
        (await _log.ListAsync("d", Cancellation)).Select(item => item.Key).ShouldBe(["5", "6", "7"]);
        (await _log.ListAsync("other", Cancellation)).Count.ShouldBe(1);
    }

    [Fact]
    public async Task What_is_forgotten_is_gone_and_what_is_kept_survives_a_restart()
    {
        await _log.AppendAsync("d", [Event("d", "1")], kept: 3, Cancellation);
        await _log.AppendAsync("e", [Event("e", "1")], kept: 3, Cancellation);
        await _log.ForgetAsync("d", Cancellation);
        await _database.DisposeAsync();
        _database = _file.Open();
        _log = new(_database);
        (await _log.ListAsync("d", Cancellation)).ShouldBeEmpty();
        (await _log.ListAsync("e", Cancellation)).ShouldBe([Event("e", "1")]);
    }

    [Fact]
    public async Task Last_uses_are_overwritten_listed_and_forgotten()
    {
        var uses = new SqliteLastUseStore(_database);
        await uses.WriteAsync([new("d", Noon), new("e", Noon)], Cancellation);
        await uses.WriteAsync([new("d", Noon.AddDays(1))], Cancellation);
        await uses.ForgetAsync("e", Cancellation);
        (await uses.ListAsync(Cancellation)).ShouldBe([new("d", Noon.AddDays(1))]);
    }

    private static StoredEvent Event(string owner, string key) => new(owner, key, Noon, "NORMAL", "READY", "text");
}
