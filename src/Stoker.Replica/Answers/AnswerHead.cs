using Stoker.Engine;
using Stoker.Replica.Engines;
using Stoker.Replica.Requests;

namespace Stoker.Replica.Answers;

/// <summary>What stays the same in every part of one answer.</summary>
/// <param name="Prompts">The prompts' ids, in the order of the request; choice c belongs to prompt c / n.</param>
internal sealed record AnswerHead(
    string Id, long Created, string Model, InferenceRequest Request, IReadOnlyList<int[]> Prompts, IReplicaEngine Engine)
{
    /// <summary>Null: the gateway does not ask to go on elsewhere.</summary>
    public ResumeMarks? Marks { get; init; }

    /// <summary>A gateway reads it, which takes the line of drafts out.</summary>
    public bool TellsDrafts { get; init; }

    public bool IsChat => Request.Kind == RequestKind.Chat;

    public int ChoiceCount => Prompts.Count * Request.Choices;

    public int[] PromptOf(int choice) => Prompts[choice / Request.Choices];
}

/// <summary>Where a request's time went, beside what the engine knows.</summary>
internal readonly record struct Timings(TimeSpan Tokenizer, int ConcurrentRequests);

internal static class FinishText
{
    public static string Of(FinishReason reason) => reason switch
    {
        FinishReason.Stop => "stop",
        FinishReason.Length => "length",
        _ => "error",
    };
}
