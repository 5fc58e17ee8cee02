using Stoker.Engine.Speculation;

namespace Stoker.Engine.Tests.Speculation;

/// <summary>The table of the type, row by row.</summary>
public sealed class DraftingStateTests
{
    private readonly DraftingState _state = new();

    [Fact]
    public void It_begins_with_the_mean_once()
    {
        _state.Begin(0.7);
        _state.Begin(0.1);
        _state.Acceptance.ShouldBe(0.7);
    }

    [Fact]
    public void Paused_it_probes_after_the_shortest_pause_and_each_time_in_vain_after_twice_as_long()
    {
        _state.Begin(0.5);
        List<int> gaps = [];
        for (var probe = 0; probe < 7; probe++)
        {
            gaps.Add(StepsToProbe());
            _state.Verified(1, 0);
        }
        gaps.ShouldBe([16, 32, 64, 128, 256, 256, 256]);
    }

    [Fact]
    public void A_probe_that_is_accepted_brings_the_next_one_soon()
    {
        _state.Begin(0.1);
        StepsToProbe();
        _state.Verified(1, 0);
        StepsToProbe().ShouldBe(32);
        var before = _state.Acceptance;
        _state.Verified(1, 1);
        _state.Acceptance.ShouldBeGreaterThan(before + 0.25);
        StepsToProbe().ShouldBe(16);
    }

    [Fact]
    public void A_probe_of_several_drafts_makes_the_next_pause_longer_even_if_they_are_good()
    {
        _state.Begin(0.8);
        StepsToProbe();
        _state.Verified(4, 4);
        StepsToProbe().ShouldBe(32);
    }

    [Fact]
    public void What_the_budget_gives_ends_the_pause()
    {
        _state.Begin(0.5);
        StepsToProbe();
        _state.Verified(1, 0);
        _state.Decide(4, 4, 1).ShouldBeFalse();
        _state.Verified(4, 0);
        StepsToProbe().ShouldBe(16);
    }

    [Fact]
    public void One_that_gets_fewer_drafts_than_are_good_is_probed_too()
    {
        _state.Begin(0.9);
        for (var draft = 0; draft < 20; draft++) _state.Verified(1, 1);
        List<int> gaps = [];
        for (var probe = 0; probe < 6; probe++)
        {
            gaps.Add(StepsToProbe(drafts: 3));
            var before = _state.Acceptance;
            _state.Verified(8, 0);
            _state.Acceptance.ShouldBeGreaterThan(0.9 * before); // it had drafts all the time: one more lot of them is nothing special
        }

        gaps.ShouldBe([16, 32, 64, 128, 256, 256]);
        StepsToProbe(drafts: 0).ShouldBe(16);
        _state.Decide(8, 8, 1).ShouldBeFalse();
        StepsToProbe(drafts: 3).ShouldBe(16);
    }

    [Fact]
    public void As_many_as_are_good_need_no_probe()
    {
        for (var step = 0; step < 1000; step++) _state.Decide(4, 4, 1).ShouldBeFalse();
    }

    [Fact]
    public void A_probe_that_there_is_no_room_for_stays_due()
    {
        _state.Begin(0.5);
        for (var step = 1; step < DraftingState.ShortestPause; step++) _state.Decide(0, 1, 1).ShouldBeFalse();
        for (var step = 0; step < 10; step++) _state.Decide(0, 1, 1).ShouldBeTrue();
        _state.Probes();
        _state.Decide(0, 1, 1).ShouldBeFalse();
    }

    [Theory]
    [InlineData(9, 32)]
    [InlineData(25, 64)]
    public void Beside_many_others_pauses_are_longer(int decodes, int steps)
    {
        _state.Begin(0.5);
        StepsToProbe(decodes).ShouldBe(steps);
    }

    private int StepsToProbe(int decodes = 1, int drafts = 0)
    {
        for (var step = 1; ; step++)
        {
            if (_state.Decide(drafts, 8, decodes))
            {
                _state.Probes();
                return step;
            }

            step.ShouldBeLessThan(1000);
        }
    }
}
