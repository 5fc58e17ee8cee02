namespace Stoker.ControlPlane.Storage;

/// <summary>One call that changed something, or was to.</summary>
/// <param name="Account">The account that it is about.</param>
/// <param name="ActorAccount">The caller's own, which is another one where an operator manages an account.</param>
/// <param name="Principal">The user whose key was used.</param>
/// <param name="Method">Such as <c>CreateDeployment</c>.</param>
/// <param name="Resource">The full name of what it was about; the collection where nothing came of a creation.</param>
/// <param name="IsAdminAction">Whether an operator did it in an account that is not its own.</param>
public sealed record AuditEntry(
    string Id,
    DateTimeOffset Time,
    string Account,
    string ActorAccount,
    string Principal,
    string? Email,
    string? KeyId,
    string Method,
    string Resource,
    string RemoteAddress,
    bool IsAdminAction);

/// <param name="Status">The wire name of a gRPC code.</param>
/// <param name="Number">Rises with every entry that is written.</param>
public sealed record FinishedAuditEntry(AuditEntry Entry, string Status, long Number);

/// <summary>Which entries to list: newest first, of the times from start up to (not at) end, behind the given place.</summary>
/// <param name="Account">Entries about it or by its users.</param>
public sealed record AuditRange(string Account, DateTimeOffset Start, DateTimeOffset End, string? Email, DateTimeOffset BeforeTime, long BeforeNumber);
