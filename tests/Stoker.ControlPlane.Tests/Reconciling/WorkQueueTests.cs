using Stoker.ControlPlane.Reconciling;
using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Reconciling;

public sealed class WorkQueueTests : IDisposable
{
    private readonly ManualTime _time = new(DateTimeOffset.UnixEpoch);
    private readonly WorkQueue<string> _queue;

    public WorkQueueTests() => _queue = new(_time);

    public void Dispose() => _queue.Dispose();

    [Fact]
    public void A_name_is_queued_once_however_often_it_is_added()
    {
        _queue.Add("a");
        _queue.Add("b");
        _queue.Add("a");
        TakeAll().ShouldBe(["a", "b"]);
    }

    [Fact]
    public void A_name_that_was_taken_can_be_added_again()
    {
        _queue.Add("a");
        TakeAll().ShouldBe(["a"]);
        _queue.Add("a");
        TakeAll().ShouldBe(["a"]);
    }

    [Fact]
    public void Of_several_alarms_the_earliest_counts()
    {
        _queue.AddAfter("a", TimeSpan.FromSeconds(10));
        _queue.AddAfter("a", TimeSpan.FromSeconds(3));
        _queue.AddAfter("a", TimeSpan.FromSeconds(7));
        _time.Advance(TimeSpan.FromSeconds(2.9));
        TakeAll().ShouldBeEmpty();
        _time.Advance(TimeSpan.FromSeconds(0.1));
        TakeAll().ShouldBe(["a"]);
        _time.Advance(TimeSpan.FromMinutes(1));
        TakeAll().ShouldBeEmpty();
    }

    [Fact]
    public void An_alarm_can_be_set_again_after_it_rang()
    {
        _queue.AddAfter("a", TimeSpan.FromSeconds(1));
        _time.Advance(TimeSpan.FromSeconds(1));
        TakeAll().ShouldBe(["a"]);
        _queue.AddAfter("a", TimeSpan.FromSeconds(1));
        _time.Advance(TimeSpan.FromSeconds(1));
        TakeAll().ShouldBe(["a"]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public void A_step_of_the_wall_clock_makes_no_alarm_late(int hours)
    {
        _queue.AddAfter("a", TimeSpan.FromMinutes(30));
        _time.Step(TimeSpan.FromHours(hours));
        _queue.AddAfter("a", TimeSpan.FromSeconds(1));
        _time.Advance(TimeSpan.FromSeconds(1));
        TakeAll().ShouldBe(["a"]);
    }

    private List<string> TakeAll()
    {
        var taken = new List<string>();
        while (_queue.TryTake(out var name)) taken.Add(name);
        return taken;
    }
}
