using Stoker.ControlPlane.Routing;
using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Routing;

public class RoutingSourceTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly ManualTime _time = new(DateTimeOffset.UnixEpoch);
    private readonly RoutingSource _routing = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_table_that_is_known_is_there_at_once()
    {
        var table = new RoutingTable([]);
        _routing.Publish(table);

        var known = _routing.KnownAsync(Patience, _time, Cancellation);

        known.IsCompleted.ShouldBeTrue();
        (await known).ShouldBeSameAs(table);
    }

    [Fact]
    public async Task The_first_one_is_waited_for()
    {
        var waiting = _routing.KnownAsync(Patience, _time, Cancellation).AsTask();
        _time.Advance(Patience - TimeSpan.FromTicks(1));
        waiting.IsCompleted.ShouldBeFalse();

        _routing.Publish(RoutingTable.Unknown);
        waiting.IsCompleted.ShouldBeFalse();

        var table = new RoutingTable([]);
        _routing.Publish(table);
        (await waiting).ShouldBeSameAs(table);
    }

    [Fact]
    public async Task When_the_patience_is_over_there_is_none()
    {
        var waiting = _routing.KnownAsync(Patience, _time, Cancellation);
        _time.Advance(Patience);

        (await waiting).IsKnown.ShouldBeFalse();
    }

    [Fact]
    public async Task Who_hangs_up_waits_no_longer()
    {
        using var gone = new CancellationTokenSource();
        var waiting = _routing.KnownAsync(Patience, _time, gone.Token);
        await gone.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(async () => await waiting);
    }
}
