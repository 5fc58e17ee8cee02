using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Storage;
using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Deployments;

public sealed class LastRequestsTests : IAsyncLifetime
{
    private static readonly Stoker.Api.Names.DeploymentName Name = DeploymentWorld.Name("d");
    private readonly ManualTime _time = new(new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly StoreFile _file = new();
    private SqliteDatabase _database = null!;
    private LoadBoard _board = null!;
    private LastRequests _requests = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync()
    {
        _database = _file.Open();
        Restart();
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        _file.Dispose();
    }

    [Fact]
    public void A_request_between_two_looks_is_noted_when_it_came()
    {
        _requests.Of(Name).ShouldBeNull();
        _time.Advance(TimeSpan.FromHours(1));
        var came = _time.GetUtcNow();
        _board.Of(Name).Began();
        _board.Of(Name).Ended();
        _time.Advance(TimeSpan.FromHours(1));
        _requests.Of(Name).ShouldBe(came);
    }

    [Fact]
    public void A_request_that_is_held_or_runs_counts_as_long_as_it_lasts()
    {
        _requests.Of(Name);
        _board.Of(Name).Held();
        _time.Advance(TimeSpan.FromHours(1));
        _requests.Of(Name).ShouldBe(_time.GetUtcNow());
        _board.Of(Name).HeldBegan();
        _time.Advance(TimeSpan.FromHours(1));
        _requests.Of(Name).ShouldBe(_time.GetUtcNow());
        _board.Of(Name).Ended();
        _time.Advance(TimeSpan.FromHours(1));
        _requests.Of(Name).ShouldBe(_time.GetUtcNow() - TimeSpan.FromHours(1));
    }

    [Fact]
    public async Task What_was_written_survives_the_server_and_never_goes_back()
    {
        Request();
        var came = _time.GetUtcNow();
        await _requests.WriteAsync(Cancellation);
        Restart();
        _requests.Of(Name).ShouldBeNull();
        await _requests.LoadAsync(Cancellation);
        _requests.Of(Name).ShouldBe(came);

        _time.Advance(TimeSpan.FromDays(1));
        Request();
        await _requests.LoadAsync(Cancellation); // this process lost the lease and has it again
        _requests.Of(Name).ShouldBe(_time.GetUtcNow());
    }

    [Fact]
    public async Task Writing_costs_a_row_a_minute_at_most()
    {
        Request();
        var first = _time.GetUtcNow();
        await _requests.WriteAsync(Cancellation);
        _time.Advance(TimeSpan.FromSeconds(59));
        Request();
        await _requests.WriteAsync(Cancellation);
        (await WrittenAsync()).ShouldBe(first);
        _time.Advance(TimeSpan.FromSeconds(1));
        Request();
        await _requests.WriteAsync(Cancellation);
        (await WrittenAsync()).ShouldBe(_time.GetUtcNow());
    }

    [Fact]
    public async Task A_name_that_is_used_again_starts_without_a_past()
    {
        Request();
        await _requests.WriteAsync(Cancellation);
        await _requests.ForgetAsync(Name, Cancellation);
        _board.Forget(Name);
        _requests.Of(Name).ShouldBeNull();
        (await WrittenAsync()).ShouldBe(default);
        Request();
        _requests.Of(Name).ShouldBe(_time.GetUtcNow());
    }

    private void Request()
    {
        _requests.Of(Name);
        _board.Of(Name).Began();
        _board.Of(Name).Ended();
    }

    private void Restart()
    {
        _board = new(_time);
        _requests = new(_board, new SqliteLastUseStore(_database), _time);
    }

    private async Task<DateTimeOffset> WrittenAsync() =>
        (await new SqliteLastUseStore(_database).ListAsync(Cancellation)).GetValueOrDefault(Name.ToString());
}
