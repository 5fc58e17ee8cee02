using Stoker.Engine.Kernels;

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
    public void Zero_means_what_the_process_may_use()
    {
        using var team = new ThreadTeam();
        team.Count.ShouldBe(Environment.ProcessorCount);
        Should.Throw<ArgumentOutOfRangeException>(() => new ThreadTeam(-1).Dispose());
    }
}
