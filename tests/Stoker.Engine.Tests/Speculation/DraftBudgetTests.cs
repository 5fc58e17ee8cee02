using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.Speculation;

namespace Stoker.Engine.Tests.Speculation;

public sealed class DraftBudgetTests
{
    [Theory]
    [InlineData(0.9, 4)]
    [InlineData(0.6, 3)] // the fourth would come through one time in eight
    [InlineData(0.05, 0)] // 0.05 tokens more, in a tenth more time
    public void Alone_drafts_go_on_while_tokens_come_quicker(double acceptance, int expected) =>
        Decide([new(acceptance, 4, HasPasses: true)], 1, Cost((1, 100), (2, 105), (5, 110)), Cost((1, 10))).ShouldBe([expected]);

    [Fact]
    public void A_pass_that_costs_as_much_as_a_step_is_not_worth_it() =>
        Decide([new(0.8, 4, HasPasses: true)], 1, Cost((1, 100), (5, 110)), Cost((1, 100))).ShouldBe([0]);

    [Fact]
    public void Without_passes_the_same_drafts_are() =>
        Decide([new(0.8, 4, HasPasses: false)], 1, Cost((1, 100), (5, 110)), Cost((1, 100))).ShouldBe([4]);

    [Fact]
    public void Verifying_rows_that_cost_what_they_are_worth_are_not() =>
        Decide([new(0.8, 4, HasPasses: false)], 1, Cost((1, 100), (2, 200), (3, 300), (4, 400), (5, 500)), null).ShouldBe([0]);

    [Fact]
    public void A_jump_in_the_costs_is_taken_where_what_lies_behind_it_pays()
    {
        // 0.5 tokens for half a step more do not pay, 1.4 do
        Decide([new(0.75, 8, HasPasses: false)], 1, Cost((1, 100), (2, 170), (9, 172)), null)[0].ShouldBe(8);
        Decide([new(0.5, 8, HasPasses: false)], 1, Cost((1, 100), (2, 170), (9, 172)), null)[0].ShouldBeGreaterThan(2);
        Decide([new(0.5, 1, HasPasses: false)], 1, Cost((1, 100), (2, 170), (9, 172)), null)[0].ShouldBe(0);
    }

    [Fact]
    public void The_tile_that_is_full_already_is_where_it_stops()
    {
        // eight rows together cost hardly more than one, nine cost twice as much
        var cost = Cost((1, 100), (8, 110), (9, 210), (16, 220));
        Decide([new(0.6, 4, false), new(0.6, 4, false), new(0.6, 4, false), new(0.6, 4, false)], 4, cost, null).Sum().ShouldBe(4);
    }

    [Fact]
    public void Who_has_the_best_drafts_gets_them_first() =>
        Decide([new(0.2, 4, false), new(0.9, 4, false)], 2, Cost((2, 100), (6, 105), (7, 1000)), null).ShouldBe([0, 4]);

    [Fact]
    public void One_pass_serves_all_sequences()
    {
        // a pass costs 40 however many take part: not worth it for one, for eight it is
        var (verify, pass) = (Cost((1, 100), (2, 102), (5, 110), (8, 120), (40, 150)), Cost((1, 40), (8, 42)));
        Decide([new(0.4, 4, true)], 1, verify, pass).ShouldBe([0]);
        Decide([.. Enumerable.Repeat(new DraftCandidate(0.7, 4, true), 8)], 8, verify, pass).Sum().ShouldBeGreaterThan(0);
    }

    [Theory]
    [InlineData(0, 4, 1)]
    [InlineData(0.3, 4, 1)]
    [InlineData(0.5, 4, 2)]
    [InlineData(0.8, 16, 6)]
    [InlineData(0.8, 4, 4)]
    [InlineData(1, 16, 16)]
    [InlineData(1, 1, 1)]
    public void As_many_are_good_as_are_likely_accepted(double acceptance, int most, int expected) =>
        DraftBudget.Good(new(acceptance, most, HasPasses: true)).ShouldBe(expected);

    [Fact]
    public void Never_more_than_rows_and_never_more_than_each_can_have_and_none_is_a_choice() => Prop.ForAll<byte[], byte, byte>((bytes, rows, shape) =>
    {
        DraftCandidate[] candidates = [.. bytes.Take(40).Select(value => new DraftCandidate(value / 255.0, value % 17, value % 2 == 0))];
        var cost = Cost((1, 100), (8, 100 + (shape % 16)), (64, 100 + shape));
        var drafts = Decide(candidates, candidates.Length + 1, rows, cost, Cost((1, shape % 50)));
        var (plain, with) = (Rate(candidates, [.. drafts.Select(_ => 0)], cost, shape), Rate(candidates, drafts, cost, shape));
        return drafts.Sum() <= rows && drafts.Zip(candidates).All(pair => pair.First <= pair.Second.Most) && with >= plain;
    }).QuickCheckThrowOnFailure();

    /// <summary>Tokens by time, plainly.</summary>
    private static double Rate(DraftCandidate[] candidates, int[] drafts, RowCost cost, byte shape)
    {
        var (tokens, time) = (candidates.Length + 1.0, cost.Of(candidates.Length + 1 + drafts.Sum()));
        for (var index = 0; index < drafts.Length; index++)
        {
            for (var draft = 1; draft <= drafts[index]; draft++) tokens += Math.Pow(candidates[index].Acceptance, draft);
        }
        for (var pass = 0; pass < 16; pass++)
        {
            if (candidates.Where((candidate, index) => candidate.HasPasses && drafts[index] > pass).Any()) time += Cost((1, shape % 50)).Of(1);
        }
        return tokens / time;
    }

    private static int[] Decide(DraftCandidate[] candidates, int decodes, RowCost verify, RowCost? pass) => Decide(candidates, decodes, 64, verify, pass);

    private static int[] Decide(DraftCandidate[] candidates, int decodes, int rows, RowCost verify, RowCost? pass)
    {
        DraftBudget.Decide(candidates, decodes, rows, new(pass, verify)).ShouldBe(candidates.Sum(candidate => candidate.Drafts));
        return [.. candidates.Select(candidate => candidate.Drafts)];
    }

    private static RowCost Cost(params (int Rows, double Microseconds)[] seen)
    {
        var cost = new RowCost();
        foreach (var (rows, microseconds) in seen)
        {
            for (var time = 0; time < 2; time++) cost.Observe(rows, microseconds);
        }
        return cost;
    }
}
