using FsCheck;
using FsCheck.Fluent;
using Stoker.ControlPlane.Reconciling;

namespace Stoker.ControlPlane.Tests.Reconciling;

public class BackoffTests
{
    private static readonly Backoff Backoff = new(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    [InlineData(3, 2)]
    [InlineData(7, 32)]
    [InlineData(8, 60)]
    [InlineData(1_000_000, 60)]
    public void Waits_double_up_to_the_cap_within_the_jitter(int failures, double seconds) =>
        Backoff.After(failures, "d").TotalSeconds.ShouldBeInRange(seconds * 0.8, seconds * 1.2);

    [Fact]
    public void The_same_seed_waits_the_same_and_others_differ()
    {
        Backoff.After(5, "a").ShouldBe(Backoff.After(5, "a"));
        Enumerable.Range(0, 20).Select(number => Backoff.After(5, $"d{number}")).Distinct().Count().ShouldBeGreaterThan(10);
    }

    [Fact]
    public void No_wait_is_negative_or_above_the_cap_and_its_jitter() => Prop.ForAll((int failures, NonNull<string> seed) =>
        Backoff.After(failures, seed.Get) is var wait && wait >= TimeSpan.Zero && wait <= TimeSpan.FromSeconds(72)).QuickCheckThrowOnFailure();
}
