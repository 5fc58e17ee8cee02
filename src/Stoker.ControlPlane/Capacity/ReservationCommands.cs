using System.Globalization;
using Microsoft.Extensions.Logging;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Resources;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Capacity;

/// <summary>Creates, changes and ends reservations: an operator alone, since they take from everybody else.</summary>
internal sealed partial class ReservationCommands(
    CapacityTermsStore terms, AccountStore accounts, Inventory inventory, TimeProvider time, ILogger<ReservationCommands> logger) : IDisposable
{
    /// <summary>One at a time looks and then writes: two together could reserve more than there is.</summary>
    private readonly SemaphoreSlim _writing = new(1, 1);

    private static Problem NotAllowed { get; } = Problem.PermissionDenied(
        "Only an admin of the account that runs this server makes, changes or ends reservations: ask one");

    public async Task<IReadOnlyList<ReservationResource>> ListAsync(AccountName account, CancellationToken cancellation) =>
        [.. (await terms.Reservations.ListAsync(account.ToString(), cancellation)).Items.Select(Show)];

    public async Task<Result<ReservationResource>> FindAsync(ReservationName name, CancellationToken cancellation) =>
        await terms.Reservations.FindAsync(name, cancellation) is { } row ? Show(row) : MissingResource.Problem(name.ToString());

    public async Task<Result<ReservationResource>> CreateAsync(
        Principal caller, AccountName account, string? id, ReservationResource body, CancellationToken cancellation)
    {
        if (!caller.IsOperator) return NotAllowed;
        var violations = new Violations();
        var chosen = violations.Parse<ResourceId>("reservation_id", id);
        violations.Require(chosen is null || chosen.IsUserChosen, "reservation_id", $"must be {ResourceId.Rule}");
        violations.Require(string.IsNullOrEmpty(body.Name), "name", "is made of the account and the query parameter reservationId: leave it out");
        if (await accounts.Accounts.FindAsync(account, cancellation) is null) return MissingResource.Problem(account.ToString());
        using var turn = await TurnAsync(cancellation);
        if (!ReservationRules.Check(body, inventory, await OthersAsync(except: null, cancellation), time.GetUtcNow(), violations).TryGet(out var spec, out var problem))
        {
            return problem;
        }

        var name = new ReservationName(account.Account, chosen!);
        var created = await terms.Reservations.CreateAsync(name, Kept(spec) with { CreatedBy = caller.User.ToString() }, NoStatus.Instance, cancellation);
        if (created.Problem is { Code: Code.AlreadyExists }) return Problem.AlreadyExists($"{name} exists already: choose another reservation_id, or change that one");
        if (created.Problem is null) LogReserved(name, spec.ReservedCount!.Value, spec.AcceleratorType!, Emulated(spec), spec.Region!, Shown(spec.StartTime), Shown(spec.EndTime));
        return created.Then<ReservationResource>(row => Show(row));
    }

    public async Task<Result<ReservationResource>> UpdateAsync(
        Principal caller, ReservationName name, ReservationResource patch, string? mask, CancellationToken cancellation)
    {
        if (!caller.IsOperator) return NotAllowed;
        using var turn = await TurnAsync(cancellation);
        if (await terms.Reservations.FindAsync(name, cancellation) is not { } row) return MissingResource.Problem(name.ToString());
        var merged = FieldMask.Apply(row.Spec, patch, mask, WireJson.Context.ReservationResource, ReservationRules.Updatable, Show(row));
        if (!merged.TryGet(out var asked, out var problem)) return problem;
        if (!ReservationRules.Check(asked, inventory, await OthersAsync(name, cancellation), time.GetUtcNow()).TryGet(out var spec, out problem)) return problem;
        var written = await terms.Reservations.UpdateSpecAsync(row, Kept(spec) with { CreatedBy = row.Spec.CreatedBy }, cancellation);
        return written.Then<ReservationResource>(changed => Show(changed));
    }

    public async Task<Result<EmptyResponse>> DeleteAsync(Principal caller, ReservationName name, CancellationToken cancellation)
    {
        if (!caller.IsOperator) return NotAllowed;
        if (await terms.Reservations.FindAsync(name, cancellation) is not { } row) return MissingResource.Problem(name.ToString());
        var deleted = await terms.Reservations.DeleteAsync(row, cancellation);
        if (deleted.Problem is null) LogEnded(name);
        return deleted.Then<EmptyResponse>(_ => new EmptyResponse());
    }

    public void Dispose() => _writing.Dispose();

    private async Task<IReadOnlyList<Reservation>> OthersAsync(ReservationName? except, CancellationToken cancellation) =>
        [.. (await terms.Reservations.ListAsync(parent: null, cancellation)).Items.Where(row => row.Name != except).Select(ReservationRules.Read)];

    private ReservationResource Show(Stored<ReservationName, ReservationResource, NoStatus> row) => row.Spec with
    {
        Name = row.Name.ToString(),
        CreateTime = row.CreateTime,
        UpdateTime = row.UpdateTime,
        Active = ReservationRules.Read(row).IsActive(time.GetUtcNow()),
        Emulated = Emulated(row.Spec) ? true : null,
    };

    private bool Emulated(ReservationResource spec) =>
        inventory.Find(Region.Parse(spec.Region!), AcceleratorType.Parse(spec.AcceleratorType!))?.IsEmulated == true;

    /// <summary>What is stored: what the caller may set.</summary>
    private static ReservationResource Kept(ReservationResource spec) =>
        spec with { Name = null, CreateTime = null, UpdateTime = null, CreatedBy = null, Active = null, Emulated = null };

    private async Task<IDisposable> TurnAsync(CancellationToken cancellation)
    {
        await _writing.WaitAsync(cancellation);
        return new Turn(_writing);
    }

    private sealed class Turn(SemaphoreSlim writing) : IDisposable
    {
        public void Dispose() => writing.Release();
    }

    private static string Shown(DateTimeOffset? moment) => moment?.ToString("u", CultureInfo.InvariantCulture) ?? "its deletion";

    [LoggerMessage(LogLevel.Information, "Reserved {Reservation}: {Count} {Type} (emulated: {Emulated}) in {Region} from {Start} to {End}")]
    private partial void LogReserved(ReservationName reservation, int count, string type, bool emulated, string region, string start, string end);

    [LoggerMessage(LogLevel.Information, "Ended {Reservation}: what was reserved is for everybody again")]
    private partial void LogEnded(ReservationName reservation);
}
