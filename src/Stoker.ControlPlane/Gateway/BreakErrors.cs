using Stoker.Api.Replicas;

namespace Stoker.ControlPlane.Gateway;

/// <summary>Why a stream whose replica failed does not go on elsewhere: a word for the metric, a sentence for the client.</summary>
internal static class BreakErrors
{
    /// <summary>The deployment does not want it.</summary>
    public const string Policy = "policy";

    /// <summary>The replica tells no tokens: it is of another maker, or of another time.</summary>
    public const string Untold = "untold";

    /// <summary>More tokens than are kept, or no memory for them.</summary>
    public const string TooLong = "too_long";

    /// <summary>It has failed as many replicas as it may.</summary>
    public const string Attempts = "attempts";

    /// <summary>Ready replicas would go on otherwise.</summary>
    public const string OtherKind = "other_kind";

    /// <summary>None came in time.</summary>
    public const string NoReplica = "no_replica";

    /// <param name="error">What the client would be told of the failure alone.</param>
    public static InferenceError For(string cause, InferenceError error) => Reason(cause) is { } reason
        ? error with { Message = $"The replica failed in the middle of the answer, which does not go on elsewhere: {reason}" }
        : error;

    /// <summary>Nothing of it came from any replica that it was given.</summary>
    public static InferenceError FailedAll(InferenceError error) => error with
    {
        Message = "Every replica failed that was given the request, which may be the cause: change it, or report it with x-fireworks-request-id",
    };

    private static string? Reason(string cause) => cause switch
    {
        Policy => "stoker_broken_streams of the deployment is ERROR. Send the request again, or set it to RESUME",
        ReplicaProtocol.ResumeSampled =>
            "its tokens are drawn at random and would differ. Send the request again; with a seed, or with temperature 0, such a stream goes on",
        ReplicaProtocol.ResumeChoices => "it has several choices. Send the request again, or each choice as a request of its own",
        TooLong => "it is longer than what is kept for that. Send the request again",
        Attempts => "the request has failed more than one replica and may be the cause. Change it, or report it with x-fireworks-request-id",
        OtherKind => "the replicas that are ready compute otherwise (another revision of the deployment, kernel set or build of the engine). Send the request again",
        NoReplica => "no other replica became ready in time. Send the request again",
        _ => null,
    };
}
