namespace Stoker.Api.Problems;

/// <summary>One field that broke a rule.</summary>
/// <param name="Field">The field's path in snake_case, as in an update mask:
/// <c>autoscaling_policy.scale_up_window</c>.</param>
/// <param name="Description">What is allowed and what was seen: "must be at least 0, was -1".</param>
public sealed record Violation(string Field, string Description);

/// <summary>
/// The one failure type. A message says what was seen, what is allowed and what to do next; it never holds a prompt or
/// a key.
/// </summary>
public sealed record Problem(Code Code, string Message, IReadOnlyList<Violation> Violations)
{
    public Problem(Code code, string message)
        : this(code, message, [])
    {
    }

    /// <summary>
    /// A stable, machine-readable reason beside the code, such as <c>DEPLOYMENT_NOT_READY</c>; null where the code says
    /// it all.
    /// </summary>
    public string? Reason { get; init; }

    /// <summary>When trying again makes sense; becomes <c>Retry-After</c>.</summary>
    public TimeSpan? RetryAfter { get; init; }

    public static Problem InvalidArgument(string message) => new(Code.InvalidArgument, message);

    public static Problem NotFound(string message) => new(Code.NotFound, message);

    public static Problem AlreadyExists(string message) => new(Code.AlreadyExists, message);

    public static Problem FailedPrecondition(string message) => new(Code.FailedPrecondition, message);

    public static Problem Aborted(string message) => new(Code.Aborted, message);

    public static Problem Unimplemented(string message) => new(Code.Unimplemented, message);

    public static Problem Unavailable(string message) => new(Code.Unavailable, message);

    public static Problem PermissionDenied(string message) => new(Code.PermissionDenied, message);
}
