namespace Stoker.ControlPlane.Runtimes;

/// <summary>
/// What starts, finds and stops replicas: processes of this machine, or pods. It decides nothing. Every call is
/// idempotent by the replica's id, so a controller that was killed halfway may repeat it.
/// </summary>
public interface IReplicaRuntime
{
    /// <summary>
    /// Finds what an earlier owner left running and takes it over; to be called once, before anything else.
    /// </summary>
    Task AdoptAsync(CancellationToken cancellation);

    /// <summary>
    /// What really is there, ended replicas included until they are forgotten. A snapshot; takes no time.
    /// </summary>
    IReadOnlyList<ObservedReplica> List();

    /// <summary>What is there of one deployment. A runtime of very many replicas does not search them all for it.</summary>
    /// <param name="deployment">Its full name.</param>
    IReadOnlyList<ObservedReplica> ListOf(string deployment) => [.. List().Where(replica => replica.Spec.Deployment == deployment)];

    /// <summary>
    /// Starts a replica unless one of this id is known. Returns when it is on its way, not when it is ready; a start
    /// that fails shows up as an ended replica with the reason.
    /// </summary>
    Task StartAsync(ReplicaSpec spec, CancellationToken cancellation);

    /// <summary>Begins to stop a replica: it drains and ends; <see cref="List"/> says when it is gone.</summary>
    Task StopAsync(ReplicaId id, CancellationToken cancellation);

    /// <summary>Removes an ended replica from the list.</summary>
    Task ForgetAsync(ReplicaId id, CancellationToken cancellation);

    /// <summary>Names of the addons that a replica has: none of one that takes none; null when it does not say.</summary>
    Task<IReadOnlyList<string>?> ListAddonsAsync(ReplicaId id, CancellationToken cancellation) => Task.FromResult<IReadOnlyList<string>?>(null);

    /// <summary>Has a replica load an addon beside what it serves; doing it again changes nothing.</summary>
    /// <param name="name">Of these very contents: requests to the replica carry it in <c>model</c>.</param>
    /// <returns>Null when it has the addon, else why not.</returns>
    Task<string?> LoadAddonAsync(ReplicaId id, string name, string folder, CancellationToken cancellation) =>
        Task.FromResult<string?>("replicas of this kind take no addons");

    /// <summary>Has a replica let an addon go; requests that run with it are answered.</summary>
    /// <returns>False when it may still have it.</returns>
    Task<bool> UnloadAddonAsync(ReplicaId id, string name, CancellationToken cancellation) => Task.FromResult(true);

    /// <summary>
    /// Names of deployments whose replicas changed. A name means "look here"; it may come twice or for nothing.
    /// </summary>
    IAsyncEnumerable<string> ChangesAsync(CancellationToken cancellation);

    /// <summary>
    /// The owner ends. Either stops everything and returns when all is gone, or lets go of the replicas, which then
    /// wait for the next owner until their leases run out.
    /// </summary>
    Task ReleaseAsync(bool leaveReplicas, CancellationToken cancellation);
}
