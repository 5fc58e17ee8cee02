namespace Stoker.Api.Resources;

/// <summary>Something that happened to a deployment: <c>GET .../deployments/{d}:events</c>, ours beside the hosted surface.</summary>
/// <param name="Severity">NORMAL or WARNING.</param>
/// <param name="Reason">A name for programs, such as <c>ROLLED_BACK</c>; docs/deployments.md lists them.</param>
public sealed record DeploymentEventResource(DateTimeOffset EventTime, string Severity, string Reason, string Message);

/// <summary>The oldest first.</summary>
public sealed record ListDeploymentEventsResponse(IReadOnlyList<DeploymentEventResource> Events, int TotalSize);
