using Stoker.Api.Names;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Tests.Capacity;

public class CapacityViewTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly AccountName Acme = AccountName.Parse("accounts/acme");
    private static readonly Inventory Inventory = new([new(Region.Local, AcceleratorType.H100, 8, [], 1)]);

    [Fact]
    public void It_serves_as_long_as_terms_holdings_claims_and_reservations_are_the_same()
    {
        var terms = CapacityTerms.None with
        {
            Reservations = [new(ReservationName.Parse("accounts/acme/reservations/r"), AcceleratorType.H100, Region.Local, 4, Noon.AddMinutes(10), null)],
        };
        Holding[] holdings = [Held("a")];
        CapacityClaim[] claims = [];
        var view = new CapacityView(terms, Inventory, holdings, claims, Noon);

        view.IsOf(terms, holdings, claims, Noon.AddMinutes(9)).ShouldBeTrue();
        view.IsOf(terms, holdings, claims, Noon.AddMinutes(10)).ShouldBeFalse(); // the reservation begins
        view.IsOf(terms, holdings, claims, Noon.AddSeconds(-1)).ShouldBeFalse(); // the clock was set back
        view.IsOf(terms with { BorrowReserved = true }, holdings, claims, Noon).ShouldBeFalse();
        view.IsOf(terms, [Held("a")], claims, Noon).ShouldBeFalse();
        view.IsOf(terms, holdings, [new(Acme, new(PlacementRule.Global, AcceleratorType.H100, 1))], Noon).ShouldBeFalse();
    }

    [Fact]
    public void What_an_account_uses_is_all_that_it_holds_of_the_type_but_the_deployments_own()
    {
        Holding[] holdings = [Held("a"), Held("b", count: 2), Held("c") with { Account = AccountName.Parse("accounts/other") }, Held("d") with { Account = null }];
        var view = new CapacityView(CapacityTerms.None with { QuotaPerType = 5 }, Inventory, holdings, [], Noon);

        var limits = view.For(Acme, AcceleratorType.H100, [holdings[0]]);
        (limits.Quota, limits.QuotaUsed).ShouldBe((5, 2));
        view.For(Acme, AcceleratorType.Cpu, []).QuotaUsed.ShouldBe(0);
        view.For(AccountName.Parse("accounts/third"), AcceleratorType.H100, []).QuotaUsed.ShouldBe(0);
    }

    private static Holding Held(string letter, int count = 1) => new(
        Acme, ReplicaId.Parse(string.Concat(Enumerable.Repeat(letter, ReplicaId.Length))),
        new(Region.Local, AcceleratorType.H100, [.. Enumerable.Range(0, count)]), Noon, Draining: false);
}
