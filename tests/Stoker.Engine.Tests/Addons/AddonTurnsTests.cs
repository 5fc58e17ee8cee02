using Stoker.Engine.Addons;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Addons;

/// <summary>Who gets a place in memory, and when: with one place and two that want it.</summary>
public sealed class AddonTurnsTests : IDisposable
{
    private readonly ManualTime _time = new(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly AddonStore _store;
    private readonly string _zog;
    private readonly string _bolt;

    public AddonTurnsTests()
    {
        _store = new(RandomAddon.Spec(TestData.Model("story-3m")), new AddonSlots(1, 16), new() { MaxLoaded = 1, MaxRank = 16 }, _time);
        _store.Allocate();
        _zog = _store.Register(TestData.Model("story-3m-lora-zog")).Digest;
        _bolt = _store.Register(TestData.Model("story-3m-lora-bolt")).Digest; // which drives zog out: nobody uses it
    }

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task A_pinned_addon_stays_and_the_next_one_comes_when_it_is_let_go()
    {
        var first = Use(_bolt);
        first.TryPin().ShouldBeTrue();
        var waiting = Use(_zog);
        waiting.TryPin().ShouldBeFalse();
        var second = Use(_bolt);
        second.TryPin().ShouldBeTrue(); // not for long, but not yet overdue

        first.Release();
        waiting.TryPin().ShouldBeFalse();
        await AfterChangeAsync(second.Release);
        waiting.TryPin().ShouldBeTrue();
        _store.Statistics.Evictions.ShouldBe(2);
        first.Release(); // twice is once
        Use(_bolt).TryPin().ShouldBeFalse();
    }

    [Fact]
    public async Task One_that_has_waited_too_long_gets_the_place_of_one_that_is_always_in_use()
    {
        var running = Use(_bolt);
        running.TryPin().ShouldBeTrue();
        var waiting = Use(_zog);
        waiting.TryPin().ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(3));
        waiting.TryPin().ShouldBeFalse();
        var newer = Use(_bolt);
        newer.TryPin().ShouldBeFalse(); // bolt takes no more

        await AfterChangeAsync(running.Release);
        newer.TryPin().ShouldBeFalse();
        waiting.TryPin().ShouldBeTrue();
        await AfterChangeAsync(waiting.Release);
        newer.TryPin().ShouldBeTrue();
    }

    [Fact]
    public async Task What_was_loaded_for_a_request_waits_for_it_whoever_else_wants_the_place()
    {
        var running = Use(_bolt);
        running.TryPin().ShouldBeTrue();
        var (zog, other) = (Use(_zog), Use(_bolt));
        zog.TryPin().ShouldBeFalse();
        await AfterChangeAsync(running.Release);
        other.TryPin().ShouldBeFalse(); // looks first, and does not drive zog out again
        zog.TryPin().ShouldBeTrue();
        await AfterChangeAsync(zog.Release);
        other.TryPin().ShouldBeTrue();
    }

    [Fact]
    public void One_that_requests_have_used_makes_room_for_a_request_and_not_for_a_load()
    {
        using var folder = RandomAddon.Write(TestData.Model("story-3m"), rank: 4, seed: 1);
        var use = Use(_bolt);
        use.TryPin().ShouldBeTrue();
        use.Release();
        var third = _store.Register(folder.Path).Digest;
        Loaded().ShouldBe([_bolt]);
        _store.Unregister(_bolt);
        _store.Unregister(third);
        _store.Register(folder.Path);
        Loaded().ShouldBe([third]); // there is room
        _store.Register(TestData.Model("story-3m-lora-bolt"));
        Loaded().ShouldBe([_bolt]); // which nobody has used yet

        IEnumerable<string> Loaded() => _store.List().Where(state => state.IsLoaded).Select(state => state.Addon.Digest);
    }

    [Fact]
    public void A_place_is_not_kept_for_a_request_that_is_gone()
    {
        var running = Use(_bolt);
        running.TryPin().ShouldBeTrue();
        var gone = Use(_zog);
        gone.TryPin().ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(3));
        gone.TryPin().ShouldBeFalse(); // bolt takes no more
        var newer = Use(_bolt);
        newer.TryPin().ShouldBeFalse();
        gone.Release(); // for nothing
        newer.TryPin().ShouldBeTrue();
    }

    [Fact]
    public void Memory_is_handed_out_in_the_first_gap_and_given_back()
    {
        using var pool = new AddonPool(1000);
        pool.TryTake(400).ShouldBe(0);
        pool.TryTake(400).ShouldBe(400);
        pool.TryTake(400).ShouldBeNull();
        pool.TryTake(200).ShouldBe(800);
        pool.Free(400);
        pool.WouldFit(600, new HashSet<long> { 0 }).ShouldBeTrue();
        pool.WouldFit(600, new HashSet<long> { 0, 800 }).ShouldBeFalse();
        pool.TryTake(300).ShouldBe(400);
        pool.UsedBytes.ShouldBe(900);
        Should.Throw<InvalidOperationException>(() => pool.Free(5));
    }

    private AddonUse Use(string digest) => _store.TryUse(digest).ShouldNotBeNull();

    private async Task AfterChangeAsync(Action trigger)
    {
        var changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _store.Changed = () => changed.TrySetResult();
        trigger();
        await changed.Task.WaitAsync(TestContext.Current.CancellationToken);
    }
}
