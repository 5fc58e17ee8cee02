using Stoker.Api.Names;
using Stoker.ControlPlane.Autoscaling;
using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Autoscaling;

public class DeploymentLoadTests
{
    private readonly ManualTime _time = new(ScaledFleet.Noon);

    [Fact]
    public void It_counts_what_is_queued_and_what_runs()
    {
        var load = new DeploymentLoad(_time);
        load.Held();
        load.Held();
        load.Began();
        (load.Queued, load.Running).ShouldBe((2, 1));
        load.HeldBegan();
        load.Released();
        load.Ended();
        (load.Queued, load.Running).ShouldBe((0, 1));
        load.HeldAgain();
        (load.Queued, load.Running).ShouldBe((1, 0));
    }

    [Fact]
    public void A_look_takes_lowest_highest_and_what_came_and_ended()
    {
        var load = new DeploymentLoad(_time);
        load.Began();
        load.Take();
        load.Began();
        load.Held();
        load.HeldBegan();
        load.Ended();
        load.Ended();
        load.Ended();
        load.Tokens(prompt: 30, generated: 7);
        load.Tokens(prompt: 10, generated: 1);
        var bucket = load.Take();
        (bucket.Lowest, bucket.Highest, bucket.Requests, bucket.PromptTokens, bucket.GeneratedTokens).ShouldBe((0, 3, 2, 40, 8));
        load.Take().ShouldBe(new LoadBucket(0, 0, 0));
    }

    [Fact]
    public void The_mean_goes_by_time_so_that_no_request_is_too_short_to_count()
    {
        var load = new DeploymentLoad(_time);
        for (var i = 0; i < 10; i++)
        {
            load.Began();
            _time.Advance(TimeSpan.FromMilliseconds(50));
            load.Ended();
            _time.Advance(TimeSpan.FromMilliseconds(50));
        }

        load.Take().Mean.ShouldBe(0.5, 1e-9);
        load.Held();
        _time.Advance(TimeSpan.FromSeconds(1));
        load.Take().Mean.ShouldBe(1, 1e-9);
    }

    [Fact]
    public void A_change_from_held_to_running_is_no_dip()
    {
        var load = new DeploymentLoad(_time);
        load.Held();
        load.Take();
        load.HeldBegan();
        load.Take().ShouldSatisfyAllConditions(bucket => bucket.Lowest.ShouldBe(1), bucket => bucket.Highest.ShouldBe(1), bucket => bucket.Requests.ShouldBe(0));
    }

    [Fact]
    public void It_wakes_once_however_many_come()
    {
        var load = new DeploymentLoad(_time);
        var wakes = 0;
        load.Woke += () => wakes++;
        for (var i = 0; i < 1_000; i++) load.Held();
        for (var i = 0; i < 1_000; i++) load.HeldBegan();
        wakes.ShouldBe(1);
        for (var i = 0; i < 1_000; i++) load.Ended();
        load.Began(); // a replica has it: nobody needs to be woken
        wakes.ShouldBe(1);
        load.Held();
        wakes.ShouldBe(2);
    }

    [Fact]
    public void No_request_is_lost_between_threads()
    {
        var load = new DeploymentLoad(TimeProvider.System);
        long requests = 0, tokens = 0;
        Parallel.For(0, 4, worker =>
        {
            for (var i = 0; i < 5_000; i++)
            {
                if (worker == 0)
                {
                    var bucket = load.Take();
                    Interlocked.Add(ref requests, bucket.Requests);
                    Interlocked.Add(ref tokens, bucket.PromptTokens);
                    continue;
                }

                load.Held();
                load.HeldBegan();
                load.Tokens(2, 0);
                load.Ended();
            }
        });
        var rest = load.Take();
        (requests + rest.Requests, tokens + rest.PromptTokens, load.Queued, load.Running).ShouldBe((15_000, 30_000, 0, 0));
    }

    [Fact]
    public void The_board_has_one_counter_for_a_name_and_says_who_woke()
    {
        var board = new LoadBoard(_time);
        var woken = new List<DeploymentName>();
        board.Woke += woken.Add;
        var name = DeploymentName.Parse("accounts/a/deployments/d");
        board.Of(name).Held();
        board.Of(DeploymentName.Parse("accounts/a/deployments/d")).ShouldBeSameAs(board.Of(name));
        woken.ShouldBe([name]);
        board.Forget(name);
        board.Of(name).Queued.ShouldBe(0);
    }
}
