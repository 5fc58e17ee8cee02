using Stoker.Engine.Addons;
using Stoker.Engine.Models;
using Stoker.Engine.Tests.Scheduling;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Addons;

/// <summary>A pool full of small addons that are always in use, a large one that needs the places of several, and who passes it.</summary>
public sealed class AddonRoomTests : IDisposable
{
    private const int Small = 4;
    private const int Places = 4;
    private static readonly string Base = TestData.Model("story-3m");

    private readonly ManualTime _time = new(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly List<TemporaryFolder> _folders = [];
    private readonly AddonStore _store;
    private readonly string[] _small;
    private readonly AddonUse[] _running;

    public AddonRoomTests()
    {
        var spec = RandomAddon.Spec(Base);
        var options = new AddonOptions { MaxLoaded = Places, MaxRank = 16, PoolBytes = Places * AddonPacker.LargestOf(spec, Small) };
        _store = new(spec, new AddonSlots(Places, 16), options, _time);
        _store.Allocate();
        _small = [.. Enumerable.Range(0, Places).Select(seed => Register(Small, seed))];
        _running = Array.ConvertAll(_small, Use);
        foreach (var use in _running) use.TryPin().ShouldBeTrue();
    }

    public void Dispose()
    {
        _store.Dispose();
        _folders.ForEach(folder => folder.Dispose());
    }

    [Theory]
    [InlineData(4, 1)]
    [InlineData(8, 2)]
    [InlineData(12, 3)]
    [InlineData(16, 4)]
    public async Task A_large_one_gets_the_places_of_as_many_as_it_needs_though_all_are_always_in_use(int rank, int places)
    {
        var large = Use(Register(rank, seed: 9));
        large.TryPin().ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(3));
        large.TryPin().ShouldBeFalse();
        var newer = Array.ConvertAll(_small, Use);
        newer.Count(use => !use.TryPin()).ShouldBe(places); // no more than have to

        for (var index = 0; index < places - 1; index++) _running[index].Release();
        large.TryPin().ShouldBeFalse();
        await AfterChangeAsync(_running[places - 1].Release);
        large.TryPin().ShouldBeTrue();
        _store.Statistics.Evictions.ShouldBe(places);
    }

    [Fact]
    public async Task One_that_fits_passes_a_large_one_until_that_has_waited_too_long()
    {
        var (large, first, second) = (Use(Register(16, seed: 9)), Use(Register(Small, seed: 10)), Use(Register(Small, seed: 11)));
        large.TryPin().ShouldBeFalse();
        first.TryPin().ShouldBeFalse();
        await AfterChangeAsync(_running[0].Release);
        first.TryPin().ShouldBeTrue();

        second.TryPin().ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(3));
        for (var index = 1; index < Places; index++) _running[index].Release();
        large.TryPin().ShouldBeFalse();
        _store.Statistics.Evictions.ShouldBe(1); // there was room for the second, which stays for the large one
        await AfterChangeAsync(first.Release);
        large.TryPin().ShouldBeTrue();
        second.TryPin().ShouldBeFalse();
        await AfterChangeAsync(large.Release);
        second.TryPin().ShouldBeTrue();
    }

    [Fact]
    public async Task What_was_made_to_wait_gets_its_turn_in_memory()
    {
        var large = Use(Register(8, seed: 9));
        large.TryPin().ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(3));
        large.TryPin().ShouldBeFalse();
        var newer = Use(_small[0]);
        newer.TryPin().ShouldBeFalse(); // in memory, and takes no more
        large.Release(); // for nothing
        var other = Use(Register(Small, seed: 10));
        _running[0].Release();
        other.TryPin().ShouldBeFalse(); // does not drive it out before it has served
        newer.TryPin().ShouldBeTrue();
        await AfterChangeAsync(newer.Release);
        other.TryPin().ShouldBeTrue();
    }

    [Fact]
    public void What_is_registered_takes_no_room_that_requests_wait_for()
    {
        var large = Use(Register(16, seed: 9));
        large.TryPin().ShouldBeFalse();
        _running[0].Release();
        _store.Unregister(_small[0]).ShouldBeTrue(); // a place is free
        Register(Small, seed: 10);
        _store.Statistics.Loads.ShouldBe(Places);
    }

    [Fact]
    public async Task A_request_whose_addon_failed_while_it_was_on_its_way_ends_when_it_arrives()
    {
        var digest = Register(Small, seed: 9);
        File.Delete(_folders[^1].File(PeftAddon.WeightsFile));
        var (late, early) = (Use(digest), Use(digest));
        early.TryPin().ShouldBeFalse();
        await AfterChangeAsync(_running[0].Release);
        _store.TakeFailures().ShouldBeTrue(); // the loop has looked, and this one was not there yet

        var rig = new LoopRig();
        var ended = LoopRig.Events(rig.Submit(StepLoopTests.Ask("abc"), late)).ShouldHaveSingleItem();
        ended.Finish.ShouldBe(FinishReason.Error);
        ended.Error.ShouldNotBeNull().Message.ShouldBe("The addon could not be brought into memory: adapter_model.safetensors is missing.");
        rig.Loop.Scheduler.IsEmpty.ShouldBeTrue();
    }

    private string Register(int rank, int seed)
    {
        _folders.Add(RandomAddon.Write(Base, rank, seed));
        return _store.Register(_folders[^1].Path).Digest;
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
