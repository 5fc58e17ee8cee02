using Microsoft.Extensions.Logging.Abstractions;
using Stoker.Api.Names;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Metering;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Storage;
using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Metering;

public sealed class RequestLedgerTests : IDisposable
{
    private static readonly Principal Caller = new(
        AccountName.Parse("accounts/acme", null), UserName.Parse("accounts/acme/users/ada"), Role.User, "k1", IsOperator: false);

    private readonly StoreFile _file = new();
    private readonly MemoryRequestStore _store = new();
    private readonly ManualTime _time = new(LedgerEvents.Noon);
    private readonly RequestFaults _faults = new();
    private readonly RequestTokens _tokens = new(10, 4, 20, 8, 6);
    private int _ids;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _file.Dispose();

    [Fact]
    public async Task A_request_is_a_row_once_its_end_is_known()
    {
        await using var ledger = New();
        var request = Begin(ledger);
        _time.Advance(TimeSpan.FromMilliseconds(30));
        request.Answered();
        _time.Advance(TimeSpan.FromMilliseconds(1970));
        request.Answered(); // of another replica: the first counts
        _store.Rows.ShouldBeEmpty();

        await request.EndAsync(RequestStatus.Finished, "", _tokens);

        _store.Rows.ShouldBe([RequestRows.Row(1) with { Number = 1 }]);
    }

    [Fact]
    public async Task It_ends_once()
    {
        await using var ledger = New();
        var request = Begin(ledger);
        await request.EndAsync(RequestStatus.Cancelled, "CLIENT_GONE", default);
        await request.EndAsync(RequestStatus.Finished, "", _tokens);

        _store.Rows.ShouldHaveSingleItem().Status.ShouldBe(RequestStatus.Cancelled);
    }

    [Fact]
    public async Task A_step_of_the_wall_clock_does_not_make_it_longer()
    {
        await using var ledger = New();
        var request = Begin(ledger);
        _time.Step(TimeSpan.FromHours(-3));
        _time.Advance(TimeSpan.FromSeconds(2));
        await request.EndAsync(RequestStatus.Finished, "", _tokens);

        (_store.Rows[0].EndTime - _store.Rows[0].BeginTime).ShouldBe(TimeSpan.FromSeconds(2));
    }

    [Fact]
    public async Task What_ends_while_a_commit_runs_is_committed_together()
    {
        await using var ledger = New();
        var gate = new TaskCompletionSource();
        _store.Gate = gate.Task;
        var committing = Reaching(RequestStep.Committing);
        var first = Begin(ledger).EndAsync(RequestStatus.Finished, "", _tokens).AsTask();
        await committing;
        var rest = Enumerable.Range(0, 100).Select(_ => Begin(ledger).EndAsync(RequestStatus.Finished, "", _tokens).AsTask()).ToList();
        first.IsCompleted.ShouldBeFalse();
        gate.SetResult();

        await Task.WhenAll([first, .. rest]);
        _store.Groups.ShouldBe([1, 100]);
    }

    [Fact]
    public async Task While_the_store_is_full_clients_have_their_ends_and_rows_come_later()
    {
        await using var ledger = New();
        _store.IsFull = true;
        await Begin(ledger).EndAsync(RequestStatus.Finished, "", _tokens);
        _store.Rows.ShouldBeEmpty();

        _store.IsFull = false;
        await Begin(ledger).EndAsync(RequestStatus.Finished, "", _tokens); // takes the first along

        _store.Rows.Select(row => row.Id).ShouldBe([RequestRows.Row(1).Id, RequestRows.Row(2).Id]);
    }

    [Fact]
    public async Task Rows_that_wait_are_tried_again_without_another_request()
    {
        await using var ledger = New();
        _store.IsFull = true;
        await Begin(ledger).EndAsync(RequestStatus.Finished, "", _tokens);
        _store.IsFull = false;

        var told = Reaching(RequestStep.Told);
        while (!told.IsCompleted) // its timer is set some time after the end is told
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        _store.Rows.ShouldHaveSingleItem().Tokens.ShouldBe(_tokens);
    }

    [Fact]
    public async Task A_kill_while_the_store_is_full_loses_no_end_that_a_client_has()
    {
        var ledger = New();
        _store.IsFull = true;
        await Begin(ledger).EndAsync(RequestStatus.Finished, "", _tokens);
        ledger.Abandon();
        _store.IsFull = false;

        await using var next = New();
        (await next.SettleLostAsync(Cancellation)).ShouldBe(1);
        var row = _store.Rows.ShouldHaveSingleItem();
        (row.Status, row.Tokens).ShouldBe((RequestStatus.Finished, _tokens));
    }

    [Fact]
    public async Task What_ran_when_the_gateway_was_killed_is_lost_and_costs_nothing()
    {
        var ledger = New();
        Begin(ledger);
        await Begin(ledger).EndAsync(RequestStatus.Finished, "", _tokens);
        ledger.Abandon();
        _time.Advance(TimeSpan.FromMinutes(1));

        await using var next = New();
        await next.SettleLostAsync(Cancellation);
        (await next.SettleLostAsync(Cancellation)).ShouldBe(0);

        _store.Rows.Select(row => (row.Id, row.Status, row.Tokens)).ShouldBe(
            [(RequestRows.Row(2).Id, RequestStatus.Finished, _tokens), (RequestRows.Row(1).Id, RequestStatus.Lost, default)]);
        var lost = _store.Rows[1];
        (lost.IsPaid, lost.Reason, lost.EndTime - lost.BeginTime).ShouldBe((false, "GATEWAY_KILLED", TimeSpan.FromMinutes(1)));
        (lost.Account, lost.ApiKey, lost.ClientId).ShouldBe((Caller.Account, Caller.KeyId, "mine"));
    }

    [Fact]
    public async Task A_living_gateways_requests_are_not_lost()
    {
        await using var ledger = New();
        var request = Begin(ledger);
        await using var other = New();

        (await other.SettleLostAsync(Cancellation)).ShouldBe(0);

        await request.EndAsync(RequestStatus.Finished, "", _tokens);
        _store.Rows.ShouldHaveSingleItem().Status.ShouldBe(RequestStatus.Finished);
    }

    [Fact]
    public async Task A_settlement_that_failed_is_made_good_by_the_next()
    {
        var ledger = New();
        Begin(ledger);
        ledger.Abandon();
        await using var next = New();
        _store.IsFull = true;
        await Should.ThrowAsync<StorageException>(() => next.SettleLostAsync(Cancellation));
        _store.IsFull = false;

        (await next.SettleLostAsync(Cancellation)).ShouldBe(1);
        _store.Rows.ShouldHaveSingleItem().Status.ShouldBe(RequestStatus.Lost);
    }

    [Fact]
    public async Task An_end_in_order_leaves_no_journal()
    {
        await using (var ledger = New())
        {
            await Begin(ledger).EndAsync(RequestStatus.Finished, "", _tokens);
        }

        Directory.GetFiles(_file.Data.Requests).ShouldBeEmpty();
    }

    [Fact]
    public async Task After_a_bug_in_the_loop_nobody_waits_for_ever_and_nothing_is_begun()
    {
        await using var ledger = New();
        _faults.Reached = step => { if (step == RequestStep.Committing) throw new CrashException(); };
        var request = Begin(ledger);

        await Should.ThrowAsync<CrashException>(() => request.EndAsync(RequestStatus.Finished, "", _tokens).AsTask());

        Should.Throw<StorageException>(() => Begin(ledger));
    }

    private RequestLedger New() => new(_store, _file.Data, _faults, _time, NullLogger<RequestLedger>.Instance);

    private OpenRequest Begin(RequestLedger ledger)
    {
        var row = RequestRows.Row(++_ids);
        return ledger.Begin(row.Id, row.ClientId, Caller, row.Deployment, row.Model, row.Addon);
    }

    /// <summary>Ends when the loop next reaches the step.</summary>
    private Task Reaching(RequestStep step)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _faults.Reached = at => { if (at == step) reached.TrySetResult(); };
        return reached.Task;
    }
}
