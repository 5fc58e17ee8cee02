namespace Stoker.ControlPlane.Storage;

/// <summary>The right to do a job alone for a while, such as running the controllers.</summary>
/// <param name="Holder">Who holds it: a text that no other process uses, because the same holder may acquire
/// again.</param>
/// <param name="FencingNumber">Grows with every new holding; whoever sees two takes the larger one for true.</param>
/// <param name="ExpireTime">The wall time of the end, for people; holders go by the length that they asked for.</param>
public sealed record Lease(string Name, string Holder, long FencingNumber, DateTimeOffset ExpireTime);

/// <summary>
/// Named leases. Time between processes is judged by stamps of the same boot, so that a stepped wall clock expires
/// nothing.
/// </summary>
public interface ILeaseStore
{
    /// <summary>Who holds the lease now, or null when nobody does.</summary>
    ValueTask<Lease?> FindAsync(string name, CancellationToken cancellation);

    /// <summary>
    /// Takes the lease when it is free, expired, or this holder's already; null when another holds it.
    /// </summary>
    Task<Lease?> TryAcquireAsync(string name, string holder, TimeSpan length, CancellationToken cancellation);

    /// <summary>
    /// Extends the lease to <paramref name="length"/> from now; null when it was lost, also by expiry: acquire again.
    /// </summary>
    Task<Lease?> RenewAsync(Lease lease, TimeSpan length, CancellationToken cancellation);

    /// <summary>Gives the lease up early. A lease that was lost already stays with its new holder.</summary>
    Task ReleaseAsync(Lease lease, CancellationToken cancellation);
}
