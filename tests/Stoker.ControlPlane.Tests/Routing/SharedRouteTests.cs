using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Stoker.ControlPlane.Routing;
using Stoker.Testing;
using static Stoker.ControlPlane.Tests.Routing.Routes;

namespace Stoker.ControlPlane.Tests.Routing;

/// <summary>The choice with what it goes by: prompts, sessions, counts.</summary>
public class SharedRouteTests
{
    private const int Kilobytes = 1024;

    private readonly ManualTime _time = new(Noon);
    private readonly SharedRoute _shared;

    public SharedRouteTests() => _shared = new(_time);

    [Fact]
    public void A_prompt_goes_where_one_that_begins_like_it_went()
    {
        ReplicaTarget[] ready = [Replica("a"), Replica("b"), Replica("c")];
        string[] first = [.. "123".Select(begin => Ended(ready, Prompt(begin, 8)))];
        first.ShouldBeUnique();

        string[] again = [.. "312".Select(begin => Ended(ready, Prompt(begin, 9)))];

        again.ShouldBe([first[2], first[0], first[1]]);
    }

    [Fact]
    public void A_replica_at_work_loses_a_prompt_that_would_wait_longer_than_it_saves()
    {
        ReplicaTarget[] ready = [Replica("a"), Replica("b")];
        using var first = Take(ready, Prompt('1', 8))!; // it has 8 KB to compute
        using var second = Take(ready, Prompt('1', 10))!; // 8 KB to wait and 2 to compute, against 10
        using var third = Take(ready, Prompt('2', 64))!;

        second.Replica.ShouldNotBeSameAs(first.Replica); // as long, and a request less
        third.Replica.ShouldBeSameAs(first.Replica); // 10 KB to wait there
        second.Chosen.View.CachedBytes.ShouldBe(0);
        third.Chosen.View.Wait.ShouldBe(8 * Kilobytes / PrefillSpeed.Usual, 1e-9);
    }

    [Fact]
    public void A_first_token_ends_the_wait()
    {
        ReplicaTarget[] ready = [Replica("a"), Replica("b")];
        using var first = Take(ready, Prompt('1', 8))!;
        first.FirstToken();

        using var second = Take(ready, Prompt('1', 10))!;

        second.Replica.ShouldBeSameAs(first.Replica);
        second.Chosen.View.CachedBytes.ShouldBe(8 * Kilobytes);
    }

    [Fact]
    public void A_session_goes_where_it_went_whatever_its_prompt_says()
    {
        ReplicaTarget[] ready = [Replica("a"), Replica("b"), Replica("c")];
        var first = Ended(ready, Prompt('1', 1, session: 5));

        Ended(ready, Prompt('2', 1, session: 5)).ShouldBe(first);
        Ended(ready, Prompt('3', 1)).ShouldNotBe(first); // they take turns
        Ended(ready, Prompt('4', 1, session: 5)).ShouldBe(first);
    }

    [Fact]
    public void A_session_waits_for_no_replica()
    {
        ReplicaTarget[] ready = [Replica("a"), Replica("b")];
        using var first = Take(ready, Prompt('1', 8, session: 5))!; // its prompt is being computed

        using var second = Take(ready, Prompt('2', 8, session: 5))!;

        second.Replica.ShouldNotBeSameAs(first.Replica);
    }

    [Fact]
    public void A_replica_that_is_suspected_has_lost_what_it_had()
    {
        ReplicaTarget[] ready = [Replica("a"), Replica("b")];
        var first = ready.Single(replica => replica.ReplicaId == Ended(ready, Prompt('1', 8)));
        first.TrySuspect();
        first.Trust();

        _shared.Rank(ready, new(Prompt('1', 8)), _shared.Now).View.CachedBytes.ShouldBe(0);
    }

    [Fact]
    public void Another_replica_of_that_name_has_nothing()
    {
        Ended([Replica("a")], Prompt('1', 8));

        _shared.Rank([Replica("a")], new(Prompt('1', 8)), _shared.Now).View.CachedBytes.ShouldBe(0);
    }

    /// <summary>A prefix or a session never makes a request wait at the gateway that would have had a place.</summary>
    [Fact]
    public void There_is_a_place_just_when_some_replica_has_one() =>
        Prop.ForAll(Gen.Choose(0, 1_000_000).ToArbitrary(), seed =>
        {
            var (random, shared) = (new Random(seed), new SharedRoute(_time));
            ReplicaTarget[] ready = [.. Enumerable.Range(0, random.Next(1, 6)).Select(index => Replica($"r{index}", random.Next(1, 4)))];
            var leases = new List<ReplicaLease>();
            for (var step = 0; step < 50; step++)
            {
                _time.Advance(TimeSpan.FromMilliseconds(random.Next(100)));
                if (random.Next(3) == 0 && leases.Count > 0)
                {
                    leases[0].Dispose();
                    leases.RemoveAt(0);
                }

                var hasRoom = ready.Any(replica => replica.InFlight < replica.MaxSequences);
                var lease = shared.Take(ready, new(Prompt((char)random.Next('a', 'e'), random.Next(1, 20), (ulong)random.Next(3)), OnlyFree: true));
                if (lease is not null != hasRoom) return false;
                if (lease is not null) leases.Add(lease);
            }

            return ready.All(replica => replica.InFlight <= replica.MaxSequences);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public async Task Many_at_once_take_no_place_twice()
    {
        ReplicaTarget[] ready = [.. Enumerable.Range(0, 4).Select(index => Replica($"r{index}", maxSequences: 25))];
        var taken = 0;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Run(
            () =>
            {
                for (var request = 0; request < 50; request++)
                {
                    if (_shared.Take(ready, new(Prompt((char)('a' + thread), 4), OnlyFree: true)) is not null) Interlocked.Increment(ref taken);
                }
            },
            TestContext.Current.CancellationToken)));

        taken.ShouldBe(100); // of 200 who asked
        ready.ShouldAllBe(replica => replica.InFlight == 25);
    }

    [Fact]
    public void Hashes_and_choice_allocate_nothing()
    {
        ReplicaTarget[] ready = [.. Enumerable.Range(0, 64).Select(index => Replica($"r{index}"))];
        var text = Encoding.ASCII.GetBytes(new string('a', 50_000));
        for (var request = 0; request < 64; request++) _shared.Take(ready, new(RoutedPrompt.Of(text, root: 1, session: 3)))?.Dispose();
        using var prompt = RoutedPrompt.Of(text, root: 1, session: 3);
        var keys = new ulong[PromptBlocks.Ends.Length];
        Decide(ready, prompt, text, keys).ShouldBeGreaterThanOrEqualTo(0);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var decision = 0; decision < 1_000; decision++) Decide(ready, prompt, text, keys);

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    private int Decide(ReplicaTarget[] ready, RoutedPrompt prompt, byte[] text, ulong[] keys)
    {
        RoutedPrompt.Hash(text, root: 1, keys);
        return _shared.Rank(ready, new(prompt, OnlyFree: true), _shared.Now).Index;
    }

    private ReplicaLease? Take(ReplicaTarget[] ready, RoutedPrompt prompt) => _shared.Take(ready, new(prompt));

    private string Ended(ReplicaTarget[] ready, RoutedPrompt prompt)
    {
        using var lease = Take(ready, prompt)!;
        lease.FirstToken();
        return lease.Replica.ReplicaId;
    }

    private static RoutedPrompt Prompt(char letter, int kilobytes, ulong session = 0) =>
        RoutedPrompt.Of(Encoding.ASCII.GetBytes(new string(letter, kilobytes * Kilobytes)), root: 1, session, tellsFirstToken: true);
}
