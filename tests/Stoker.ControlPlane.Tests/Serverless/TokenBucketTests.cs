using FsCheck;
using FsCheck.Fluent;
using Stoker.ControlPlane.Serverless;

namespace Stoker.ControlPlane.Tests.Serverless;

public class TokenBucketTests
{
    private static readonly TimeSpan Start = TimeSpan.FromHours(1);

    [Fact]
    public void A_minutes_worth_may_come_at_once_and_then_the_pace_holds()
    {
        var bucket = new TokenBucket(600, Start);
        bucket.Take(600, Start);

        bucket.Until(1, Start).ShouldBe(TimeSpan.FromMilliseconds(100));
        bucket.Level(Start.Add(TimeSpan.FromSeconds(30))).ShouldBe(300, 1e-6);
        bucket.Level(Start.Add(TimeSpan.FromHours(1))).ShouldBe(600);
    }

    [Fact]
    public void What_is_owed_is_waited_for()
    {
        var bucket = new TokenBucket(60, Start);
        bucket.Take(160, Start);

        bucket.Level(Start).ShouldBe(-100);
        bucket.Until(1, Start).ShouldBe(TimeSpan.FromSeconds(101));
        bucket.Until(1_000_000, Start).ShouldBe(TimeSpan.FromSeconds(160)); // until it is full: more is never there
    }

    [Fact]
    public void A_clock_that_stands_or_goes_back_gives_nothing()
    {
        var bucket = new TokenBucket(60, Start);
        bucket.Take(60, Start);
        bucket.Take(0, Start - TimeSpan.FromMinutes(1));

        bucket.Level(Start).ShouldBe(0);
        bucket.Level(Start - TimeSpan.FromMinutes(5)).ShouldBe(0);
    }

    /// <summary>Each pair is a pause in tenths of a second, and an amount that is taken when it is there.</summary>
    [Fact]
    public void Whoever_takes_only_what_is_there_gets_at_most_a_minutes_worth_and_the_pace_in_any_time() => Prop.ForAll(
        Gen.Choose(0, 100).Zip(Gen.Choose(1, 80)).ListOf(60).ToArbitrary(),
        steps =>
        {
            const int PerMinute = 60;
            var (bucket, now, taken) = (new TokenBucket(PerMinute, Start), Start, new List<(TimeSpan At, int Amount)>());
            foreach (var (pause, amount) in steps)
            {
                now += TimeSpan.FromMilliseconds(100 * pause);
                if (bucket.Until(amount, now) > TimeSpan.Zero || amount > PerMinute) continue;
                bucket.Take(amount, now);
                taken.Add((now, amount));
            }

            for (var first = 0; first < taken.Count; first++)
            {
                var sum = 0;
                for (var last = first; last < taken.Count; last++)
                {
                    sum += taken[last].Amount;
                    var most = PerMinute + ((taken[last].At - taken[first].At).TotalSeconds * PerMinute / 60);
                    if (sum > most + 1e-6) return false;
                }
            }

            return true;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void After_the_wait_that_it_names_the_amount_is_there() => Prop.ForAll(
        Gen.Choose(1, 1000).Zip(Gen.Choose(0, 3000)).Zip(Gen.Choose(1, 1000)).ToArbitrary(),
        drawn =>
        {
            var ((perMinute, taken), amount) = drawn;
            var bucket = new TokenBucket(perMinute, Start);
            bucket.Take(taken, Start);
            var wait = bucket.Until(amount, Start);
            return bucket.Level(Start + wait + TimeSpan.FromTicks(1)) >= Math.Min(amount, perMinute) - 1e-3;
        }).QuickCheckThrowOnFailure();
}
