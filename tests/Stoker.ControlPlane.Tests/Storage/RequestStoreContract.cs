using Stoker.Api.Names;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Metering;

namespace Stoker.ControlPlane.Tests.Storage;

/// <summary>What every implementation of <see cref="IRequestStore"/> holds; one class each inherits it.</summary>
public abstract class RequestStoreContract
{
    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>A ledger on the same data as every other one that this test opened.</summary>
    public abstract IRequestStore Open();

    [Fact]
    public async Task What_is_written_is_read_as_it_was()
    {
        var bare = RequestRows.Row(2) with { ClientId = null, Addon = ModelName.Parse("accounts/acme/models/addon"), FirstToken = null, Tokens = default, Status = RequestStatus.Refused, Reason = "NO_PLACE" };
        await Open().AppendAsync([RequestRows.Row(1), bare], Cancellation);

        (await Open().ReadAsync(0, 10, Cancellation)).ShouldBe([RequestRows.Row(1) with { Number = 1 }, bare with { Number = 2 }]);
        (await Open().FindAsync(bare.Id, Cancellation)).ShouldBe(bare with { Number = 2 });
        (await Open().FindAsync("none", Cancellation)).ShouldBeNull();
    }

    [Theory]
    [InlineData(RequestStatus.Finished, true)]
    [InlineData(RequestStatus.Cancelled, true)]
    [InlineData(RequestStatus.Failed, false)]
    [InlineData(RequestStatus.Refused, false)]
    [InlineData(RequestStatus.Lost, false)]
    public async Task Every_status_is_kept_and_two_are_paid_for(RequestStatus status, bool isPaid)
    {
        await Open().AppendAsync([RequestRows.Row() with { Status = status }], Cancellation);

        var read = (await Open().ReadAsync(0, 10, Cancellation)).ShouldHaveSingleItem();
        (read.Status, read.IsPaid).ShouldBe((status, isPaid));
    }

    [Fact]
    public async Task A_row_that_is_there_is_left_as_it_is()
    {
        await Open().AppendAsync([RequestRows.Row(1)], Cancellation);
        await Open().AppendAsync([RequestRows.Row(1) with { Status = RequestStatus.Lost }, RequestRows.Row(2)], Cancellation);

        (await Open().ReadAsync(0, 10, Cancellation)).Select(row => (row.Id, row.Status)).ShouldBe(
            [(RequestRows.Row(1).Id, RequestStatus.Finished), (RequestRows.Row(2).Id, RequestStatus.Finished)]);
    }

    [Fact]
    public async Task A_clients_own_id_may_come_as_often_as_it_likes()
    {
        await Open().AppendAsync([RequestRows.Row(1), RequestRows.Row(2)], Cancellation);
        (await Open().ReadAsync(0, 10, Cancellation)).Count(row => row.ClientId == "mine").ShouldBe(2);
    }

    [Fact]
    public async Task Rows_are_read_on_from_where_a_reader_is()
    {
        for (var id = 1; id <= 5; id++) await Open().AppendAsync([RequestRows.Row(id)], Cancellation);

        var first = await Open().ReadAsync(0, 3, Cancellation);
        first.Count.ShouldBe(3);
        var rest = await Open().ReadAsync(first[^1].Number, 3, Cancellation);
        first.Concat(rest).Select(row => row.Id).ShouldBe(Enumerable.Range(1, 5).Select(id => RequestRows.Row(id).Id));
        (await Open().ReadAsync(rest[^1].Number, 3, Cancellation)).ShouldBeEmpty();
    }
}
