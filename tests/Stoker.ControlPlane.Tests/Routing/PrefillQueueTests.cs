using FsCheck;
using FsCheck.Fluent;
using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Tests.Routing;

/// <summary>At 1,000 bytes a second, so that 1,000 bytes are a second.</summary>
public class PrefillQueueTests
{
    private const double Speed = 1_000;

    private readonly PrefillQueue _queue = new();
    private readonly PrefillSpeed _common = new();

    [Fact]
    public void A_prompt_waits_for_those_before_it()
    {
        var first = Send(10, 2_000);
        Send(10, 3_000);
        (_queue.WaitAt(10), _queue.WaitAt(12)).ShouldBe((5, 3));

        Told(first, at: 12);

        (_queue.WaitAt(12), _queue.WaitAt(15), _queue.WaitAt(15.5)).ShouldBe((3, 0, 0));
    }

    [Fact]
    public void A_first_token_that_comes_early_or_late_moves_all_behind_it()
    {
        var (first, second) = (Send(10, 2_000), Send(10, 3_000));

        Told(first, 13); // a second late
        _queue.WaitAt(13).ShouldBe(3, 1e-9);

        Told(second, 14); // two seconds early
        _queue.WaitAt(14).ShouldBe(0, 1e-9);
    }

    [Fact]
    public void News_that_come_late_say_when_it_was()
    {
        var first = Send(10, 2_000);
        Send(12.5, 4_000);

        Told(first, at: 11.5); // heard of at 12.5: half a second early

        _queue.WaitAt(12.5).ShouldBe(3.5, 0.6); // the second began no earlier than it was sent
    }

    [Fact]
    public void A_replica_that_owes_a_first_token_falls_back_with_the_time_and_is_never_full_nor_empty()
    {
        Send(10, 1_000); // due at 11

        (_queue.WaitAt(11.5), _queue.WaitAt(12)).ShouldBe((0, 0)); // news take a while
        _queue.WaitAt(13).ShouldBe(1, 1e-9);
        _queue.WaitAt(70).ShouldBe(58, 1e-9);
    }

    [Fact]
    public void What_is_sent_to_one_that_is_late_waits_for_what_it_owes()
    {
        var first = Send(10, 1_000);
        Send(20, 1_000);

        Told(first, 30);

        _queue.WaitAt(30).ShouldBe(1, 1e-9);
    }

    [Fact]
    public void An_end_before_its_turn_gives_its_time_back()
    {
        var (first, second) = (Send(10, 2_000), Send(10, 3_000));

        _queue.End(second, 10.5);
        _queue.WaitAt(10.5).ShouldBe(1.5, 1e-9);

        _queue.End(first, 30); // long after it was due: nothing to give back
        _queue.WaitAt(30).ShouldBe(0);
    }

    [Fact]
    public void One_that_tells_no_first_token_is_not_owed_for()
    {
        _queue.Send(10, 1_000, Speed, tells: false);

        (_queue.WaitAt(10.5), _queue.WaitAt(100)).ShouldBe((0.5, 0));
    }

    [Fact]
    public void The_speed_is_learnt_from_first_tokens_of_prompts_that_were_not_cached()
    {
        Told(Send(10, 10_000), 12, prompt: 10_000);
        (_queue.Speed.BytesPerSecond, _common.BytesPerSecond).ShouldBe((5_000, 5_000));

        Told(Send(20, 1_000), 30, prompt: 1_000); // short: that was the overhead
        Told(Send(40, 4_000), 40.1, prompt: 100_000); // nearly all of it was to be there
        _queue.Speed.BytesPerSecond.ShouldBe(5_000);

        Told(Send(50, 10_000), 51, prompt: 10_000); // 10,000 a second, and the old counts for nine
        _queue.Speed.BytesPerSecond.ShouldBe(5_500, 1e-6);

        Told(Send(60, 10_000), 60.001, prompt: 10_000); // the guess of what is cached was wrong
        _queue.Speed.BytesPerSecond.ShouldBe(5_500 * 1.3, 1e-6);
    }

    [Fact]
    public void What_stands_before_a_prompt_is_no_part_of_its_speed()
    {
        var (first, second) = (Send(10, 10_000), Send(10, 10_000));

        Told(first, 20, prompt: 10_000);
        Told(second, 30, prompt: 10_000);

        _queue.Speed.BytesPerSecond.ShouldBe(1_000, 1e-6);
    }

    [Theory]
    [InlineData(1_400, 1_000)] // chance
    [InlineData(700, 1_000)]
    [InlineData(1_600, 1_600)]
    [InlineData(600, 600)]
    [InlineData(0, 1_000)] // not known
    public void A_replica_has_a_speed_of_its_own_where_it_differs_by_half(double own, double expected)
    {
        var speed = new PrefillSpeed();
        if (own > 0) speed.Note(own);
        speed.Among(common: 1_000).ShouldBe(expected);
    }

    [Fact]
    public void A_line_that_is_empty_makes_nobody_wait_however_it_went() =>
        Prop.ForAll(Gen.Choose(0, 1_000_000).ToArbitrary(), seed =>
        {
            var (random, queue, common, now) = (new Random(seed), new PrefillQueue(), new PrefillSpeed(), 100.0);
            var places = new List<PrefillPlace>();
            for (var step = 0; step < 60; step++)
            {
                now += random.NextDouble();
                if (places.Count == 0 || random.Next(2) == 0)
                {
                    places.Add(queue.Send(now, random.Next(5_000), Speed, tells: random.Next(2) == 0));
                }
                else
                {
                    var place = places[random.Next(places.Count)];
                    places.Remove(place);
                    if (place.Tells && random.Next(3) > 0) queue.FirstToken(place, now, 5_000, common);
                    else queue.End(place, now);
                }

                if (queue.WaitAt(now) < 0 || !double.IsFinite(queue.WaitAt(now))) return false;
            }

            foreach (var place in places) queue.End(place, now);
            // What has a bound ends: each correction is no more than what was sent, or was late.
            return queue.WaitAt(now + 1_000) == 0;
        }).QuickCheckThrowOnFailure();

    private PrefillPlace Send(double now, long bytes) => _queue.Send(now, bytes, Speed, tells: true);

    private void Told(in PrefillPlace place, double at, long prompt = 0) => _queue.FirstToken(place, at, prompt == 0 ? long.MaxValue : prompt, _common);
}
