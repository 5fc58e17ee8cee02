using Stoker.Api.Names;
using Stoker.ControlPlane.Addons;
using Stoker.ControlPlane.Serverless;

namespace Stoker.ControlPlane.Routing;

/// <summary>What a held request waited for.</summary>
/// <param name="Route">The deployment as it is now; null when it is gone.</param>
/// <param name="Lease">Its place; null when no replica will come, and the route says why, or none that
/// a begun stream could go on with.</param>
internal readonly record struct HoldAnswer(Route? Route, ReplicaLease? Lease);

/// <summary>One request in a <see cref="HoldQueue"/>.</summary>
/// <param name="bytes">Of its body.</param>
/// <param name="except">A replica that has turned it away because it ends.</param>
/// <param name="succession">Of a stream that has begun: who may go on with it.</param>
/// <param name="addon">Only replicas that have it will do; null: any.</param>
internal sealed class HeldRequest(long bytes, ReplicaTarget? except = null, Succession? succession = null, AddonRoute? addon = null) : IThreadPoolWorkItem
{
    private readonly TaskCompletionSource<HoldAnswer> _answer = new();

    public long Bytes => bytes;

    /// <summary>What the choice goes by; whoever waits keeps it until the request has left the queue. Set before it enters.</summary>
    public RoutedPrompt? Prompt { get; set; }

    /// <summary>Whether <c>except</c> lacked the addon: it will do as soon as the addon's state there is known anew.</summary>
    public bool ExceptWhileAddonIsSame { get; init; }

    /// <summary>Whether every replica will do that has the addon.</summary>
    public bool IsForAny => except is null;

    /// <summary>The replica that will not do, by this table.</summary>
    public ReplicaTarget? ExceptBy(Route route) => ExceptWhileAddonIsSame && !ReferenceEquals(route.Addon, addon) ? null : except;

    public Succession? Succession => succession;

    public ModelName? Addon => addon?.Model;

    /// <summary>Whether a route to the addon will do. A stream that has begun goes on with the same files alone.</summary>
    public bool Fits(Route route) => succession is null || addon?.ServedName == route.Addon?.ServedName;

    /// <summary>Whose share of a shared deployment it is; null elsewhere. Set before it enters.</summary>
    public FairTicket? Ticket { get; set; }

    /// <summary>Ends once, unless the request leaves the queue before.</summary>
    public Task<HoldAnswer> Answer => _answer.Task;

    /// <summary>Null when it is not in the queue. Guarded by the queue's lock.</summary>
    internal LinkedListNode<HeldRequest>? Place { get; set; }

    /// <summary>The line that it stands in; null for a stream that has begun. Guarded as well.</summary>
    internal HoldLine? Line { get; set; }

    /// <summary>What it was given when it left the queue.</summary>
    internal HoldAnswer Given { get; private set; }

    /// <summary>
    /// Through the pool's common queue, which is in order: what a thread queues for itself runs last in, first out.
    /// </summary>
    internal void Release(HoldAnswer answer)
    {
        Given = answer;
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    void IThreadPoolWorkItem.Execute() => _answer.SetResult(Given);
}
