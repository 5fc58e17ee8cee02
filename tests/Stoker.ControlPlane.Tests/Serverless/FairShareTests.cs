using FsCheck;
using FsCheck.Fluent;
using Stoker.Api.Names;
using Stoker.ControlPlane.Serverless;

namespace Stoker.ControlPlane.Tests.Serverless;

public class FairShareTests
{
    private static readonly AccountName[] Accounts = [.. new[] { "a", "b", "c" }.Select(id => AccountName.Parse($"accounts/{id}"))];

    private readonly FairShare _shares = new();

    [Fact]
    public void Work_is_counted_when_it_begins_and_corrected_when_it_ends()
    {
        var (first, waiting) = (Enter(0, promptTokens: 50), Enter(0, promptTokens: 50));
        _shares.Charge(first);
        _shares.Charge(first); // a second replica after the first one failed
        Counter(0).ShouldBe(150);

        _shares.End(first, promptTokens: 40, generatedTokens: 500);
        _shares.End(first, promptTokens: 40, generatedTokens: 500);
        Counter(0).ShouldBe(540);

        _shares.Charge(waiting); // with an average that has learned a little
        Counter(0).ShouldBe(540 + 50 + 150);
    }

    [Fact]
    public void Who_comes_new_or_back_starts_with_whoever_is_served_and_has_no_credit()
    {
        for (var request = 0; request < 100; request++) Serve(0, 1000);
        Enter(0, 10);
        _shares.Charge(Enter(0, 10));

        Enter(1, 10);

        Counter(1).ShouldBeInRange(Counter(0) - 1100, Counter(0));
    }

    [Fact]
    public void To_go_and_come_back_does_not_forget_what_an_account_is_ahead()
    {
        Enter(1, 10); // waits all the time
        var big = Enter(0, 10_000);
        _shares.Charge(big);
        _shares.End(big, 10_000, 0);

        Enter(0, 10);

        Counter(0).ShouldBe(10_000);
        Counter(1).ShouldBe(0);
    }

    [Fact]
    public void One_that_never_had_a_place_costs_nothing()
    {
        var ticket = Enter(0, 1000);
        Enter(1, 10);

        _shares.End(ticket, promptTokens: null, generatedTokens: 0);

        (Counter(0), _shares.Count).ShouldBe((0, 1));
    }

    [Fact]
    public void Nothing_is_kept_of_accounts_that_have_no_requests()
    {
        for (var index = 0; index < 1000; index++)
        {
            var ticket = new FairTicket(AccountName.Parse($"accounts/a{index}"), 10);
            _shares.Charge(ticket);
            _shares.End(ticket, 10, 10);
        }

        _shares.Count.ShouldBe(0);
    }

    /// <summary>
    /// Accounts that always have a request waiting, and costs that nobody knows before the end: what they were served never differs by more
    /// than two of the largest requests for each place, whatever comes.
    /// </summary>
    [Fact]
    public void Of_accounts_that_all_wait_none_is_ahead_by_more_than_what_runs() => Prop.ForAll(
        Gen.Choose(1, 4).Zip(Gen.Choose(0, 1000).ListOf(300)).ToArbitrary(),
        drawn =>
        {
            var (places, draws) = (drawn.Item1, drawn.Item2.ToArray());
            var (shares, served, running) = (new FairShare(), new long[Accounts.Length], new List<(int Account, FairTicket Ticket, long Cost)>());
            var waiting = Accounts.Select(account => Entered(shares, account)).ToArray();
            foreach (var draw in draws)
            {
                while (running.Count < places)
                {
                    var next = Enumerable.Range(0, Accounts.Length).MinBy(index => shares.CounterOf(Accounts[index]));
                    shares.Charge(waiting[next]);
                    running.Add((next, waiting[next], 10 + (draw * (next + 1) % 1000)));
                    waiting[next] = Entered(shares, Accounts[next]);
                }

                var ended = running[draw % running.Count];
                running.Remove(ended);
                shares.End(ended.Ticket, 10, ended.Cost - 10);
                served[ended.Account] += ended.Cost;
            }

            return served.Max() - served.Min() <= 2L * 1010 * (places + 1);

            static FairTicket Entered(FairShare shares, AccountName account)
            {
                var ticket = new FairTicket(account, 10);
                shares.Enter(ticket);
                return ticket;
            }
        }).QuickCheckThrowOnFailure();

    private FairTicket Enter(int account, long promptTokens)
    {
        var ticket = new FairTicket(Accounts[account], promptTokens);
        _shares.Enter(ticket);
        return ticket;
    }

    private void Serve(int account, long tokens)
    {
        var ticket = Enter(account, 10);
        _shares.Charge(ticket);
        Enter(account, 10);
        _shares.End(ticket, 10, tokens - 10);
    }

    private long Counter(int account) => _shares.CounterOf(Accounts[account]);
}
