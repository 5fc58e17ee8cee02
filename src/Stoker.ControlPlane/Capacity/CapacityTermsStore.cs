using System.Text.Json.Serialization;
using Microsoft.Extensions.Options;
using Stoker.Api.Names;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Capacity;

/// <summary>Reservations and quotas, typed.</summary>
public sealed class CapacityTermsStore(IResourceStore store, IOptions<CapacityOptions> options)
{
    internal TypedStore<ReservationName, ReservationResource, NoStatus> Reservations { get; } =
        new(store, ReservationName.Collection, CapacityJson.Default.ReservationResource, CapacityJson.Default.NoStatus);

    internal TypedStore<QuotaName, QuotaSpec, NoStatus> Quotas { get; } =
        new(store, QuotaName.Collection, CapacityJson.Default.QuotaSpec, CapacityJson.Default.NoStatus);

    private volatile Reading? _last;

    /// <summary>What holds now; the same object as before when the store says that nothing of it was written since.</summary>
    public async ValueTask<CapacityTerms> ReadAsync(CancellationToken cancellation)
    {
        // Asked before the rows are read: what is written in between has the next reader read again.
        var (ofReservations, ofQuotas) = (await Reservations.RevisionAsync(cancellation), await Quotas.RevisionAsync(cancellation));
        if (_last is { } last && last.Reservations == ofReservations && last.Quotas == ofQuotas) return last.Terms;
        var reservations = await Reservations.ListAsync(parent: null, cancellation);
        var quotas = await Quotas.ListAsync(parent: null, cancellation);
        var terms = new CapacityTerms(
            [.. reservations.Items.Select(ReservationRules.Read)],
            quotas.Items.ToDictionary(row => row.Name, row => row.Spec),
            options.Value.QuotaPerType,
            options.Value.BorrowReserved);
        _last = new(ofReservations, ofQuotas, terms);
        return terms;
    }

    /// <summary>One item for each change of a kind; the first comes at once.</summary>
    /// <exception cref="WatchExpiredException">Ask again.</exception>
    public async IAsyncEnumerable<long> ChangesAsync(
        string kind, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        var revision = (await store.ListAsync(kind, parent: null, cancellation)).Revision;
        yield return revision;
        await foreach (var change in store.WatchAsync(kind, revision, cancellation)) yield return change.Revision;
    }

    /// <param name="Reservations">The revision of their last change before they were read.</param>
    /// <param name="Quotas">The same of the quotas.</param>
    private sealed record Reading(long Reservations, long Quotas, CapacityTerms Terms);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ReservationResource))]
[JsonSerializable(typeof(QuotaSpec))]
[JsonSerializable(typeof(NoStatus))]
internal sealed partial class CapacityJson : JsonSerializerContext;
