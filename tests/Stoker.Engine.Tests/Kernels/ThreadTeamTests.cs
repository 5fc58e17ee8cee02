using Stoker.Engine.Kernels;
using Stoker.Engine.Native;

namespace Stoker.Engine.Tests.Kernels;

public class ThreadTeamTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Every_part_runs_exactly_once_per_job(int threads)
    {
        using var team = new ThreadTeam(threads);
        var calls = new int[threads];
        for (var job = 0; job < 300; job++)
        {
            team.Run((part, parts) =>
            {
                parts.ShouldBe(threads);
                calls[part]++;
            });
        }

        calls.ShouldAllBe(count => count == 300);
    }

    [Fact]
    public void Parts_have_ended_when_run_returns()
    {
        using var team = new ThreadTeam(3);
        var sum = new long[3];
        for (var job = 0; job < 200; job++)
        {
            var written = new bool[3];
            team.Run((part, _) =>
            {
                for (var i = 0; i < 1000; i++)
                {
                    sum[part] += i;
                }

                written[part] = true;
            });
            written.ShouldAllBe(done => done);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void A_failing_part_is_reported_after_all_have_ended_and_the_team_goes_on(int failing)
    {
        using var team = new ThreadTeam(3);
        var ended = 0;
        Should.Throw<Exception>(() => team.Run((part, _) =>
        {
            Interlocked.Increment(ref ended);
            if (part == failing)
            {
                throw new InvalidOperationException("part failed");
            }
        }));
        ended.ShouldBe(3);
        team.Run((_, _) => Interlocked.Increment(ref ended));
        ended.ShouldBe(6);
    }

    [Fact]
    public void Idle_workers_park_and_wake_for_the_next_job()
    {
        using var team = new ThreadTeam(3);
        for (var round = 0; round < 5; round++)
        {
            team.Run((_, _) => { });
            // Bounded by the test runner alone: parking takes 50 us of a CPU that may be busy elsewhere.
            SpinWait.SpinUntil(() => team.ParkedCount == 2);
        }
    }

    [Fact]
    public void A_pinned_team_keeps_each_thread_on_its_core_and_a_plain_one_nowhere()
    {
        Assert.SkipWhen(ProcessorAffinity.Refusal() is not null, $"threads cannot be bound here: {ProcessorAffinity.Refusal()}");
        var cores = ProcessorAllowance.Read().Cores;
        int[] own = [cores[0], cores[^1], cores[0]];
        var masks = OnOwnThread(() =>
        {
            using var team = new ThreadTeam(3, own);
            team.IsPinned.ShouldBeTrue();
            team.PinCaller();
            return Masks(team);
        });
        masks.ShouldBe(own.Select(core => $"{core}"));
        var plain = OnOwnThread(() =>
        {
            using var team = new ThreadTeam(2);
            team.IsPinned.ShouldBeFalse();
            team.PinCaller();
            return Masks(team);
        });
        plain.ShouldAllBe(mask => mask == Mask("/proc/self/status"));
    }

    /// <summary>What the step loop starts, such as a thread of the pool, must not crowd onto its core.</summary>
    [Fact]
    public void A_thread_that_a_pinned_one_starts_is_not_pinned()
    {
        Assert.SkipWhen(ProcessorAffinity.Refusal() is not null, $"threads cannot be bound here: {ProcessorAffinity.Refusal()}");
        var (own, child) = OnOwnThread(() =>
        {
            var core = ProcessorAllowance.Read().Cores[0];
            ProcessorAffinity.TryPinCurrentThread(core).ShouldBeTrue();
            return (Mask("/proc/thread-self/status"), OnOwnThread(() => Mask("/proc/thread-self/status")));
        });
        own.ShouldBe($"{ProcessorAllowance.Read().Cores[0]}");
        child.ShouldBe(Mask("/proc/self/status"));
    }

    [Fact]
    public void A_core_that_is_not_there_leaves_its_thread_unpinned_and_at_work()
    {
        using var team = new ThreadTeam(2, [0, 8191]);
        var ran = new bool[2];
        team.Run((part, _) => ran[part] = true);
        ran.ShouldAllBe(done => done);
    }

    [Fact]
    public void Each_thread_needs_a_core() =>
        Should.Throw<ArgumentOutOfRangeException>(() => new ThreadTeam(2, [0]).Dispose());

    private static string[] Masks(ThreadTeam team)
    {
        var masks = new string[team.Count];
        team.Run((part, _) => masks[part] = Mask("/proc/thread-self/status"));
        return masks;
    }

    private static string Mask(string status) =>
        File.ReadLines(status).Single(line => line.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal)).Split(':')[1].Trim();

    private static T OnOwnThread<T>(Func<T> read)
    {
        var (result, error) = (default(T), default(Exception));
        var thread = new Thread(() =>
        {
            try
            {
                result = read();
            }
            catch (Exception caught)
            {
                error = caught;
            }
        });
        thread.Start();
        thread.Join();
        return error is null ? result! : throw new InvalidOperationException("the thread failed", error);
    }

    [Fact]
    public void Zero_means_what_the_process_may_use()
    {
        using var team = new ThreadTeam();
        team.Count.ShouldBe(ProcessorAllowance.Read().Threads);
        Should.Throw<ArgumentOutOfRangeException>(() => new ThreadTeam(-1).Dispose());
    }
}
