namespace Stoker.ControlPlane.Storage;

/// <summary>Something that happened to a resource and that its owner may want to know later.</summary>
/// <param name="Owner">The resource's full name.</param>
/// <param name="Key">What makes it this event of its owner and no other: writing it again changes nothing.</param>
/// <param name="Reason">A name for programs, such as <c>ROLLED_BACK</c>.</param>
/// <param name="Message">The same for people. Never a byte of a prompt or an answer.</param>
public sealed record StoredEvent(string Owner, string Key, DateTimeOffset Time, string Severity, string Reason, string Message);

/// <summary>What happened to resources, durably and in order; of each the newest events are kept.</summary>
public interface IEventLog
{
    /// <param name="kept">Events that the owner keeps; older ones go.</param>
    Task AppendAsync(string owner, IReadOnlyList<StoredEvent> events, int kept, CancellationToken cancellation);

    /// <summary>In the order of their writing.</summary>
    ValueTask<IReadOnlyList<StoredEvent>> ListAsync(string owner, CancellationToken cancellation);

    Task ForgetAsync(string owner, CancellationToken cancellation);
}
