using Stoker.ControlPlane.Metering;
using Stoker.ControlPlane.Routing;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Gateway;

/// <summary>A request's account: the tokens that its answer tells, and its one end in the ledger.</summary>
/// <remarks>Each end is written by who is about to let the client see it, before that.</remarks>
internal sealed class RequestMeter(OpenRequest open, SeenUsage usage)
{
    /// <summary>Its client hung up, wherever the request was.</summary>
    public const string ClientGone = "CLIENT_GONE";

    /// <summary>Its client did not read, and was cut off.</summary>
    public const string SlowReader = "SLOW_READER";

    public bool HasEnded => open.HasEnded;

    /// <summary>The replica that had it last; null while none was sent it.</summary>
    public ReplicaTarget? Replica { get; set; }

    public void Answered() => open.Answered();

    public ValueTask FinishedAsync() => open.EndAsync(RequestStatus.Finished, "", usage.Tokens);

    /// <param name="reason">A code of ours, never a word of the client's or of the answer.</param>
    public ValueTask EndAsync(RequestStatus status, string reason) => open.EndAsync(status, reason, usage.Tokens);
}
