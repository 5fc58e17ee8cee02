namespace Stoker.Api.Problems;

/// <summary>
/// One row per <see cref="Code"/>: its wire name, its HTTP status and the exit status of <c>firectl</c>.
/// </summary>
public sealed record CodeRow(Code Code, string WireName, int HttpStatus, int ExitStatus);

/// <summary>The one table that maps codes to the outside; nothing else in the code knows a status by number.</summary>
public static class CodeTable
{
    // Exit statuses: 0 done, 1 anything unexpected, 2 wrong usage (also of the command line itself), 3 not found, 4
    // already there, 5 not allowed, 6 not possible in this state, 7 out of capacity or quota, 8 unreachable, 9 timed
    // out.
    private static readonly CodeRow[] Rows =
    [
        new(Code.Ok, "OK", 200, 0),
        new(Code.Cancelled, "CANCELLED", 499, 1),
        new(Code.Unknown, "UNKNOWN", 500, 1),
        new(Code.InvalidArgument, "INVALID_ARGUMENT", 400, 2),
        new(Code.DeadlineExceeded, "DEADLINE_EXCEEDED", 504, 9),
        new(Code.NotFound, "NOT_FOUND", 404, 3),
        new(Code.AlreadyExists, "ALREADY_EXISTS", 409, 4),
        new(Code.PermissionDenied, "PERMISSION_DENIED", 403, 5),
        new(Code.ResourceExhausted, "RESOURCE_EXHAUSTED", 429, 7),
        new(Code.FailedPrecondition, "FAILED_PRECONDITION", 400, 6),
        new(Code.Aborted, "ABORTED", 409, 6),
        new(Code.OutOfRange, "OUT_OF_RANGE", 400, 2),
        new(Code.Unimplemented, "UNIMPLEMENTED", 501, 2),
        new(Code.Internal, "INTERNAL", 500, 1),
        new(Code.Unavailable, "UNAVAILABLE", 503, 8),
        new(Code.DataLoss, "DATA_LOSS", 500, 1),
        new(Code.Unauthenticated, "UNAUTHENTICATED", 401, 5),
    ];

    public static IReadOnlyList<CodeRow> All => Rows;

    public static CodeRow Row(this Code code) => Rows[(int)code];

    /// <summary>
    /// The row of a wire number; an unknown number, from a newer server, is <see cref="Code.Unknown"/>.
    /// </summary>
    public static Code FromNumber(int number) =>
        number >= 0 && number < Rows.Length ? Rows[number].Code : Code.Unknown;

    /// <summary>The best code for an answer that carries none, such as a proxy's error page.</summary>
    public static Code FromHttpStatus(int status) => status switch
    {
        >= 200 and < 300 => Code.Ok,
        400 or 413 or 415 or 422 => Code.InvalidArgument,
        401 => Code.Unauthenticated,
        403 => Code.PermissionDenied,
        404 or 405 => Code.NotFound,
        408 or 504 => Code.DeadlineExceeded,
        409 => Code.Aborted,
        412 => Code.FailedPrecondition,
        429 or 507 => Code.ResourceExhausted,
        499 => Code.Cancelled,
        501 => Code.Unimplemented,
        502 or 503 => Code.Unavailable,
        _ => Code.Unknown,
    };
}
