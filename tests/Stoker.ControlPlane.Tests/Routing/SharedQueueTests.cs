using Stoker.Api.Names;
using Stoker.ControlPlane.Addons;
using Stoker.ControlPlane.Routing;
using static Stoker.ControlPlane.Tests.Routing.Routes;

namespace Stoker.ControlPlane.Tests.Routing;

/// <summary>The queue of a deployment that accounts share.</summary>
public class SharedQueueTests
{
    private const string Model = "accounts/fireworks/models/story-3m", Addon = "accounts/a/models/zog";

    private static readonly AccountName A = AccountName.Parse("accounts/a"), B = AccountName.Parse("accounts/b");

    private readonly SharedRoute _shared = new();

    private HoldQueue Queue => _shared.Queue;

    [Fact]
    public void The_next_place_is_the_account_s_that_was_served_least_and_within_an_account_the_first_ones()
    {
        var (running, waiting) = (Enter(A), new[] { Enter(A), Enter(A), Enter(A) });
        Queue.Follow(Table(Replica("r", maxSequences: 1)));
        var late = new[] { Enter(B), Enter(B) };

        var order = new List<HeldRequest>();
        for (var next = running; next is not null; next = waiting.Concat(late).FirstOrDefault(request => !order.Contains(request) && request.Place is null))
        {
            order.Add(next);
            next.Given.Lease!.Dispose();
        }

        order.ShouldBe([running, late[0], waiting[0], late[1], waiting[1], waiting[2]]);
    }

    [Theory]
    [InlineData(100, 100, 1)]
    [InlineData(100, 100, 4)]
    [InlineData(2000, 40, 4)] // one has long prompts, the other short ones
    [InlineData(60, 900, 2)]
    public void One_that_sends_ten_times_as_much_gets_no_more_than_its_share_while_the_other_waits(int largeTokens, int smallTokens, int places)
    {
        var run = new Contest(places);
        // ten of the one for each of the other, and both wait until the end
        for (var second = 0; second < 2_000; second++)
        {
            run.Keep(A, waiting: 200, largeTokens);
            run.Keep(B, waiting: 20, smallTokens);
            run.Step();
        }

        var (greedy, modest) = (run.Served(A), run.Served(B));
        var ratio = Math.Max(greedy, modest) / (double)Math.Min(greedy, modest);
        TestContext.Current.TestOutputHelper?.WriteLine($"{greedy} and {modest} tokens: {ratio:0.0000}");
        ratio.ShouldBeLessThan(1.1);
    }

    [Fact]
    public void One_that_uses_less_than_its_share_does_not_wait_for_the_other()
    {
        var run = new Contest(places: 4);
        var longest = 0;
        for (var second = 0; second < 2_000; second++)
        {
            run.Keep(A, waiting: 200, tokens: 100);
            if (second % 50 == 0) run.Keep(B, waiting: 1, tokens: 100);
            run.Step();
            longest = Math.Max(longest, run.Waits(B));
        }

        run.Served(B).ShouldBeInRange(39 * 100, 40 * 100);
        longest.ShouldBeLessThanOrEqualTo(100, "until the next of A ends");
    }

    [Fact]
    public void No_account_takes_all_of_the_queue()
    {
        Queue.Follow(Table());
        var kept = 0;
        while (Queue.TryEnter(Request(A), Table(), maxRequests: 100, maxBytes: long.MaxValue) == HoldRefusal.None) kept++;

        kept.ShouldBe(50);
        Queue.TryEnter(Request(B), Table(), 100, long.MaxValue).ShouldBe(HoldRefusal.None);
        Queue.TryEnter(Request(A), Table(), 100, long.MaxValue).ShouldBe(HoldRefusal.Count);
        Queue.TryEnter(Request(B, bytes: 1000), Table(), 100, 999).ShouldBe(HoldRefusal.Bytes);
    }

    [Fact]
    public void One_that_waits_for_its_addon_keeps_nobody_waiting()
    {
        var zog = ModelName.Parse(Addon);
        var table = Table(Replica("r", maxSequences: 1)).With(Addon);
        Queue.Follow(table);
        var running = Enter(A);
        var forAddon = Request(A, addon: table.Addons.ByModel[zog]);
        Queue.TryEnter(forAddon, table.To(zog)!, 100, 100);
        var others = new[] { Enter(A), Enter(B) };

        running.Given.Lease!.Dispose();
        others[1].Place.ShouldBeNull();
        others[1].Given.Lease!.Dispose();
        others[0].Place.ShouldBeNull();
        forAddon.Place.ShouldNotBeNull();
    }

    private static HeldRequest Request(AccountName account, long bytes = 0, AddonRoute? addon = null, long tokens = 10) =>
        new(bytes, addon: addon) { Ticket = new(account, tokens) };

    private HeldRequest Enter(AccountName account)
    {
        var request = Request(account);
        Queue.TryEnter(request, Table(), int.MaxValue, long.MaxValue).ShouldBe(HoldRefusal.None);
        return request;
    }

    private Route Table(params IReadOnlyList<ReplicaTarget> ready) => To("accounts/fireworks/deployments/story-3m", Model, ready) with { Shared = _shared };

    /// <summary>One replica with places, on a clock of steps: a request takes a step for each of its tokens, and nobody knows them before its end.</summary>
    private sealed class Contest
    {
        private readonly SharedRoute _shared = new();
        private readonly Route _route;
        private readonly List<Item> _waiting = [], _running = [];
        private readonly Dictionary<AccountName, long> _served = [];
        private int _now;

        public Contest(int places)
        {
            _route = To("accounts/fireworks/deployments/story-3m", Model, Replica("r", places)) with { Shared = _shared };
            _shared.Queue.Follow(_route);
        }

        public long Served(AccountName account) => _served.GetValueOrDefault(account);

        public int Waits(AccountName account) => _waiting.Where(item => item.Account == account).Select(item => _now - item.Since).DefaultIfEmpty(0).Max();

        public void Keep(AccountName account, int waiting, int tokens)
        {
            for (var count = _waiting.Count(item => item.Account == account); count < waiting; count++)
            {
                var item = new Item(account, tokens, Request(account, tokens: tokens / 4), _now);
                _shared.Queue.TryEnter(item.Request, _route, int.MaxValue, long.MaxValue).ShouldBe(HoldRefusal.None);
                _waiting.Add(item);
            }

            Begin();
        }

        /// <summary>A tenth of a second or so: ten tokens for each that runs.</summary>
        public void Step()
        {
            _now += 10;
            foreach (var item in _running.ToList())
            {
                if ((item.Done += 10) < item.Tokens) continue;
                _running.Remove(item);
                _served[item.Account] = Served(item.Account) + item.Tokens;
                item.Request.Given.Lease!.Dispose(); // its place is the next one's before its client has all of the answer
                _shared.Queue.Ended(item.Request.Ticket!, item.Tokens / 4, item.Tokens - (item.Tokens / 4));
            }

            Begin();
        }

        private void Begin()
        {
            foreach (var item in _waiting.Where(item => item.Request.Place is null).ToList())
            {
                _waiting.Remove(item);
                _running.Add(item);
            }
        }

        private sealed class Item(AccountName account, int tokens, HeldRequest request, int since)
        {
            public AccountName Account => account;
            public int Tokens => tokens;
            public HeldRequest Request => request;
            public int Since => since;
            public int Done { get; set; }
        }
    }
}
