using System.Text.Json.Serialization;

namespace Stoker.Api.Problems;

/// <summary>The management API's error body: <c>{"code": 5, "message": "...", "details": []}</c>.</summary>
public sealed record ProblemBody(int Code, string Message, IReadOnlyList<ProblemDetail> Details)
{
    public static ProblemBody From(Problem problem) => new((int)problem.Code, problem.Message, [.. Detail(problem)]);

    public Problem ToProblem() => new(
        CodeTable.FromNumber(Code),
        Message,
        [.. Details.SelectMany(detail => detail.FieldViolations ?? []).Select(violation => new Violation(violation.Field, violation.Description))])
    {
        Reason = Details.Select(detail => detail.Reason).FirstOrDefault(reason => reason is not null),
    };

    private static IEnumerable<ProblemDetail> Detail(Problem problem)
    {
        if (problem.Violations.Count > 0)
        {
            yield return new()
            {
                Type = "type.googleapis.com/google.rpc.BadRequest",
                FieldViolations = [.. problem.Violations.Select(violation => new FieldViolation(violation.Field, violation.Description))],
            };
        }

        if (problem.Reason is { } reason)
        {
            yield return new() { Type = "type.googleapis.com/google.rpc.ErrorInfo", Reason = reason, Domain = "stoker" };
        }
    }
}

/// <summary>
/// One entry of <c>details</c>: a <c>google.rpc.BadRequest</c> or <c>google.rpc.ErrorInfo</c>, told apart by
/// <c>@type</c>.
/// </summary>
public sealed record ProblemDetail
{
    [JsonPropertyName("@type")]
    public required string Type { get; init; }

    public IReadOnlyList<FieldViolation>? FieldViolations { get; init; }

    public string? Reason { get; init; }

    public string? Domain { get; init; }
}

public sealed record FieldViolation(string Field, string Description);
