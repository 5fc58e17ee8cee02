using FsCheck;
using FsCheck.Fluent;
using Stoker.Api.Names;
using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Storage;
using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Autoscaling;

/// <summary>The gateway's counters, sampled each second, in windows that outlive their server.</summary>
public sealed class LoadWindowsTests : IAsyncDisposable
{
    private static readonly DeploymentName Name = DeploymentName.Parse("accounts/a/deployments/d");

    private readonly ManualTime _time = new(ScaledFleet.Noon);
    private readonly StoreFile _file = new();
    private readonly SqliteDatabase _database;
    private readonly SqliteScalingStore _store;
    private LoadBoard _board;
    private LoadWindows _windows;

    public LoadWindowsTests()
    {
        _database = SqliteDatabase.Open(_file.Path, _time, TimeSpan.FromDays(1));
        _store = new(_database);
        _board = new(_time);
        _windows = new(_board, _store, _time);
    }

    public async ValueTask DisposeAsync()
    {
        _windows.Dispose();
        await _database.DisposeAsync();
        _file.Dispose();
    }

    [Fact]
    public void Load_that_lasts_gives_a_hint_and_the_decision_then_changes()
    {
        Decide(1).Desired.ShouldBe(1);
        for (var i = 0; i < 20; i++) _board.Of(Name).Began();
        TakeHints(); // of the first request
        Pass(29).ShouldBeEmpty();
        Pass(3).ShouldContain(Name);
        Decide(1).Desired.ShouldBe(3);
        Pass(60).ShouldBeEmpty();
    }

    [Fact]
    public void A_held_request_gives_its_hint_at_once()
    {
        Decide(0).Desired.ShouldBe(0);
        _board.Of(Name).Held();
        TakeHints().ShouldBe([Name]);
        Decide(0).Cause.ShouldBe(ScalingCause.Woke);
    }

    [Fact]
    public void Requests_that_a_replica_takes_give_no_hint()
    {
        Decide(1);
        for (var i = 0; i < 20; i++)
        {
            _board.Of(Name).Held();
            _board.Of(Name).HeldBegan();
            _board.Of(Name).Ended();
        }

        TakeHints().ShouldBeEmpty();
    }

    [Fact]
    public void A_parked_deployment_gives_no_hint_however_many_wait()
    {
        _board.Of(Name).Held();
        Decide(0, max: 0).Cause.ShouldBe(ScalingCause.Parked);
        _board.Of(Name).Held();
        TakeHints().ShouldBeEmpty();
        Pass(5).ShouldBeEmpty();
    }

    [Fact]
    public void A_hint_is_repeated_each_second_until_it_is_followed()
    {
        Decide(1);
        for (var i = 0; i < 20; i++) _board.Of(Name).Began();
        Pass(40);
        Pass(1).ShouldBe([Name]);
        Pass(1).ShouldBe([Name]);
    }

    [Fact]
    public void A_late_sampler_misses_no_second()
    {
        Decide(1);
        Pass(2);
        _board.Of(Name).Began();
        _time.Advance(TimeSpan.FromSeconds(30)); // no look in between
        _windows.Sample();
        _windows.Look(Name).ShouldNotBeNull().Facts.Sustained.ShouldNotBeNull().Concurrent.ShouldBe(1, 0.1);
    }

    [Fact]
    public void Two_looks_within_a_second_are_one()
    {
        Decide(1);
        Pass(2);
        _windows.Sample();
        _windows.Sample();
        Pass(30);
        _windows.Look(Name).ShouldNotBeNull().Facts.Sustained.ShouldNotBeNull().Concurrent.ShouldBe(0);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(55)]
    public async Task Another_server_goes_on_from_what_was_saved(int secondsBetween)
    {
        Decide(1);
        Pass(3_590);
        await _windows.SaveAsync(TestContext.Current.CancellationToken);
        Restart(secondsBetween);
        Decide(1).Desired.ShouldBe(1);
        var passed = 0;
        while (Pass(1).Count == 0) passed++.ShouldBeLessThan(100);
        passed.ShouldBeInRange(7, 12);
        Decide(1).Cause.ShouldBe(ScalingCause.Idle);
    }

    [Fact]
    public async Task What_is_idle_is_written_once_and_a_restart_knows_all_of_its_idle_time()
    {
        Decide(1);
        Pass(10);
        await SaveAsync();
        var written = _store.ReadWindows().Windows.ShouldHaveSingleItem();
        for (var save = 0; save < 358; save++)
        {
            Pass(10);
            await SaveAsync();
        }

        var stored = _store.ReadWindows();
        stored.Windows.ShouldHaveSingleItem().LastSecond.ShouldBe(written.LastSecond); // not written again
        stored.EmptyUntil.ShouldNotBeNull().LastSecond.ShouldBe(written.LastSecond + 3_580);
        Restart(5);
        Decide(1).Facts.Idle.ShouldBe(TimeSpan.FromSeconds(3_590)); // not the 5 in which nobody looked
        var passed = 0;
        while (Pass(1).Count == 0) passed++.ShouldBeLessThan(100);
        passed.ShouldBeInRange(7, 12);
    }

    [Fact]
    public async Task What_is_idle_is_the_same_after_a_restart_of_the_machine()
    {
        Decide(1);
        Pass(10);
        await SaveAsync();
        Pass(3_580);
        await SaveAsync();
        var stored = _store.ReadWindows();
        var ofAnotherBoot = stored.Windows[0] with { BootId = "another boot", LastSecond = 7 };
        await _store.SaveWindowsAsync(
            new([], [ofAnotherBoot], stored.EmptyUntil! with { LastSecond = 7 + 3_580 }), TestContext.Current.CancellationToken);
        Restart(20);
        Decide(1).Facts.Idle.ShouldBe(TimeSpan.FromSeconds(3_590));
    }

    [Fact]
    public async Task A_window_in_which_anything_was_seen_is_written_again_and_only_that_one()
    {
        var other = DeploymentName.Parse("accounts/a/deployments/other");
        Decide(1);
        Decide(1, name: other);
        Pass(10);
        await SaveAsync();
        _board.Of(other).Began();
        _board.Of(other).Ended();
        Pass(10);
        await SaveAsync();
        var written = _store.ReadWindows().Windows.ToDictionary(window => window.Deployment, window => window.LastSecond);
        (written[other.ToString()] - written[Name.ToString()]).ShouldBe(10);
    }

    [Fact]
    public async Task A_run_says_nothing_of_what_it_has_not_looked_at()
    {
        var other = DeploymentName.Parse("accounts/a/deployments/other");
        Decide(1);
        Decide(1, name: other);
        Pass(100);
        await SaveAsync();
        Restart(5);
        Decide(1, name: other); // the first one is not reached before this server ends too
        Pass(40);
        await SaveAsync();
        Restart(5);
        Decide(1).Facts.Idle.ShouldBe(TimeSpan.FromSeconds(100));
        Decide(1, name: other).Facts.Idle.ShouldBe(TimeSpan.FromSeconds(140));
    }

    [Fact]
    public async Task A_deployment_that_was_not_watched_for_a_while_was_not_idle_meanwhile()
    {
        Decide(1);
        Decide(1, name: DeploymentName.Parse("accounts/a/deployments/other"));
        Pass(100);
        await SaveAsync();
        _windows.Unwatch(Name); // deleted
        Pass(100);
        await SaveAsync();
        _store.ReadWindows().Windows.ShouldHaveSingleItem().Deployment.ShouldBe("accounts/a/deployments/other");
        Restart(1);
        Decide(1).Facts.Idle.ShouldBe(TimeSpan.Zero); // and undeleted
    }

    [Fact]
    public async Task A_second_of_a_deployment_at_rest_weighs_nothing_also_after_a_restart()
    {
        Decide(1);
        Pass((int)ScalingPolicy.Default.Memory.TotalSeconds + 1);
        var weighings = _windows.Weighings;
        Pass(600);
        _windows.Weighings.ShouldBe(weighings);
        await SaveAsync();
        Restart(30);
        Decide(1);
        Pass(1);
        weighings = _windows.Weighings;
        Pass(600);
        _windows.Weighings.ShouldBe(weighings);
        _board.Of(Name).Began();
        Pass(1);
        _windows.Weighings.ShouldBe(weighings + 1);
    }

    [Fact]
    public void A_second_that_weighs_nothing_would_not_have_changed_the_count() => Prop.ForAll(Days().ToArbitrary(), day =>
    {
        var (time, load) = (new ManualTime(ScaledFleet.Noon), new DeploymentLoad(new ManualTime(ScaledFleet.Noon)));
        var policy = new ScalingPolicy(TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(6), TimeSpan.FromSeconds(20));
        var window = new LoadWindow(policy.Memory);
        for (var known = -day.Length; known <= -5; known++) window.Add(known, LoadBucket.Steady(0)); // and then a gap
        var watched = new WatchedLoad(window, () => load);
        var (second, desired) = (1L, (int?)2);
        Ask();
        foreach (var (seconds, requests) in day)
        {
            for (var i = 0; i < requests; i++) load.Began();
            for (var i = 0; i < seconds; i++)
            {
                var isTime = watched.Sample(second++);
                isTime.ShouldBe(watched.IsTimeToDecide(second)); // the plain way: every second is weighed
                if (isTime) Ask();
            }

            for (var i = 0; i < requests; i++) load.Ended();
        }

        return true;

        void Ask() => desired = watched.Decide(
            new() { Policy = policy, Min = day.Length % 2, Max = 4, Targets = LoadTargets.Usual, Desired = desired, Ready = 2, SequencesPerReplica = 2, Now = time.GetUtcNow() },
            second).Desired;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public async Task After_a_long_time_without_a_server_the_windows_begin_anew()
    {
        Decide(1);
        Pass(3_590);
        await _windows.SaveAsync(TestContext.Current.CancellationToken);
        Restart(90);
        Decide(1).Cause.ShouldBe(ScalingCause.MissingData);
        Pass(3_590).ShouldBeEmpty();
        Pass(20).ShouldContain(Name);
    }

    [Theory]
    [InlineData(-20, true)] // as if the machine had started anew: told by the wall clock
    [InlineData(-600, false)]
    [InlineData(3600, false)] // its end lies in the future: the clock was set back
    public async Task The_window_of_another_boot_counts_when_the_wall_clock_says_so(int savedAt, bool counts)
    {
        Decide(1);
        Pass(3_590);
        await _windows.SaveAsync(TestContext.Current.CancellationToken);
        var saved = _store.ReadWindows().Windows.ShouldHaveSingleItem();
        var other = saved with { BootId = "another boot", LastSecond = 7, Time = _time.GetUtcNow().AddSeconds(savedAt), Run = "" };
        await _store.SaveWindowsAsync(WindowsWrite.Of(other), TestContext.Current.CancellationToken);
        Restart(0);
        Decide(1);
        Pass(20).Contains(Name).ShouldBe(counts);
    }

    [Fact]
    public async Task A_damaged_window_is_left_out()
    {
        Decide(1);
        Pass(10);
        await _windows.SaveAsync(TestContext.Current.CancellationToken);
        var saved = _store.ReadWindows().Windows.ShouldHaveSingleItem();
        await _store.SaveWindowsAsync(WindowsWrite.Of(saved with { Window = [1, 2, 3] }), TestContext.Current.CancellationToken);
        Restart(0);
        Decide(1).Desired.ShouldBe(1);
        Pass(40).ShouldBeEmpty();
    }

    [Fact]
    public async Task What_was_set_by_hand_is_not_undone_by_a_restart()
    {
        Decide(1);
        Pass(3_700);
        TakeHints();
        Decide(1, byHand: 3).Desired.ShouldBe(3);
        await _windows.SaveAsync(Name, TestContext.Current.CancellationToken);
        Restart(5);
        Decide(3).Desired.ShouldBe(3);
        Pass(590).ShouldBeEmpty();
        Pass(20).ShouldContain(Name); // the down window is over
    }

    [Fact]
    public async Task Who_does_not_control_saves_nothing()
    {
        Decide(1);
        Pass(3);
        _windows.Release();
        await _windows.SaveAsync(TestContext.Current.CancellationToken);
        _store.ReadWindows().Windows.ShouldBeEmpty();
        _windows.Look(Name).ShouldBeNull();
    }

    [Fact]
    public void A_deployment_that_is_not_watched_any_more_gives_no_hint()
    {
        Decide(1);
        Pass(3);
        _windows.Unwatch(Name);
        for (var i = 0; i < 20; i++) _board.Of(Name).Began();
        TakeHints();
        Pass(60).ShouldBeEmpty();
    }

    private static Gen<(int Seconds, int Requests)[]> Days() => Gen.ArrayOf(
        from seconds in Gen.Choose(1, 40)
        from requests in Gen.Frequency((2, Gen.Constant(0)), (1, Gen.Choose(1, 8)))
        select (seconds, requests)).Resize(12);

    private Task SaveAsync() => _windows.SaveAsync(TestContext.Current.CancellationToken);

    private ScalingDecision Decide(int? desired, int? byHand = null, int max = 5, DeploymentName? name = null) => _windows.Decide(name ?? Name, new()
    {
        Policy = ScalingPolicy.Default,
        Min = 0,
        Max = max,
        Targets = LoadTargets.Usual,
        Desired = desired,
        Ready = desired ?? 0,
        SequencesPerReplica = 10,
        ManualCount = byHand,
        Now = _time.GetUtcNow(),
    });

    /// <summary>Seconds with a look in each; the hints that they gave.</summary>
    private List<DeploymentName> Pass(int seconds)
    {
        for (var i = 0; i < seconds; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            _windows.Sample();
        }

        return [.. TakeHints().Distinct()];
    }

    private List<DeploymentName> TakeHints()
    {
        var hints = new List<DeploymentName>();
        while (_windows.TryTakeHint(out var name)) hints.Add(name);
        return hints;
    }

    private void Restart(int seconds)
    {
        _time.Advance(TimeSpan.FromSeconds(seconds));
        _windows.Dispose();
        _board = new(_time);
        _windows = new(_board, _store, _time);
        _windows.TakeOver();
    }
}
