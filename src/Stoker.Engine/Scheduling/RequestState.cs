using Stoker.Engine.Addons;
using Stoker.Engine.KvCache;
using Stoker.Engine.Sampling;
using Stoker.Engine.Speculation;

namespace Stoker.Engine.Scheduling;

/// <summary>
/// A request that was taken: its choices, its events and its times.
/// </summary>
/// <remarks>
/// After submission two write to it, each its own part: the loop (choices, echo, when it started, what it still holds) and
/// the delivery (events, usage, times of tokens). What the loop writes is settled before it tells the delivery of it.
/// </remarks>
internal sealed class RequestState
{
    private Action? _leaveQueue;

    /// <param name="group">The engine's number of the request; never reused.</param>
    /// <param name="submittedAt">A timestamp of the engine's clock.</param>
    /// <param name="leaveQueue">Called once, when the request waits no longer for its first step.</param>
    public RequestState(
        GenerationRequest source, AdmittedRequest admitted, int group, long submittedAt, int[] modelEnds, int maxUnreadEvents, Action? leaveQueue = null,
        AddonUse? addon = null)
    {
        (_leaveQueue, Addon) = (leaveQueue, addon);
        (Source, Settings, Group, SubmittedAt) = (source, admitted.Settings, group, submittedAt);
        (Prompt, Answered, Stops, MaxTokens) = (admitted.Prompt, admitted.Answered, new(admitted.Stops), admitted.MaxTokens);
        Prediction = admitted.Prediction;
        First = Answered.Length == 0 ? Prompt : [.. Prompt, .. Answered];
        Space = new(source.CacheSalt, addon?.Version ?? 0);
        EndTokens = [.. source.IgnoreEos ? [] : modelEnds, .. admitted.StopTokens];
        (Events, Unfinished, Held, Live) = (new(maxUnreadEvents, source.Choices), source.Choices, source.Choices, source.Choices);
    }

    public GenerationRequest Source { get; }

    /// <summary>Whether the counters are to know of it.</summary>
    public bool IsCounted => !Source.IsProbe;

    public SamplingSettings Settings { get; }

    public int Group { get; }

    public int[] Prompt { get; }

    /// <summary>The answer so far; mostly empty.</summary>
    public int[] Answered { get; }

    /// <summary>What the answer is expected to be; mostly empty.</summary>
    public int[] Prediction { get; }

    /// <summary>What a choice begins with: the prompt and the answer so far.</summary>
    public int[] First { get; }

    /// <summary>How the answer so far ended; null when it goes on, as far as tokens tell.</summary>
    public FinishReason? AnsweredEnd =>
        Answered.Length == 0 ? null
        : IsEndToken(Answered[^1]) ? FinishReason.Stop
        : Answered.Length == MaxTokens ? FinishReason.Length : null;

    public StopStrings Stops { get; }

    public int MaxTokens { get; }

    /// <summary>Whose prefixes it may use.</summary>
    public PrefixSpace Space { get; }

    /// <summary>What it is computed with beside the base model; null: nothing. Let go of by the loop, with its last choice.</summary>
    public AddonUse? Addon { get; }

    /// <summary>Tokens that end a choice: the model's, unless they are ignored, and the request's own.</summary>
    public int[] EndTokens { get; }

    public bool IsEndToken(int token) => Array.IndexOf(EndTokens, token) >= 0;

    public EventBuffer Events { get; }

    public PromptEcho? Echo { get; private set; }

    /// <summary>Made when the loop takes the request in; empty before.</summary>
    public Sequence[] Choices { get; private set; } = [];

    /// <summary>Choices that the scheduler has; the loop's.</summary>
    public int Live { get; set; }

    /// <summary>Choices whose readers wait for an end; the delivery's.</summary>
    public int Unfinished { get; set; }

    public bool IsEnded => Unfinished == 0;

    /// <summary>Choices that the loop may still hold, as far as the delivery has heard; the delivery's.</summary>
    public int Held { get; set; }

    /// <summary>The delivery's.</summary>
    public int CompletionTokens { get; set; }

    /// <summary>The delivery's; none before the first drafts were verified.</summary>
    public SpeculationTally? Speculation { get; set; }

    /// <summary>Prompt tokens that the prefix cache had when the request began; the loop's.</summary>
    public int CachedTokens { get; set; }

    public long SubmittedAt { get; }

    /// <summary>The loop's.</summary>
    public long? StartedAt { get; set; }

    /// <summary>The delivery's.</summary>
    public long? FirstTokenAt { get; set; }

    public void LeaveQueue()
    {
        _leaveQueue?.Invoke();
        _leaveQueue = null;
    }

    /// <summary>Makes the sequences, with arrivals from <paramref name="arrival"/> on.</summary>
    public void Prepare(long arrival, ITextDecoder decoder, BlockPool pool, int maxBlocks)
    {
        var echoed = Source.Echo ? Prompt.Length : Math.Min(Source.EchoLast ?? 0, Prompt.Length);
        if (echoed > 0) Echo = new(Prompt, Prompt.Length - echoed, Source.Logprobs is not null, decoder);
        var choices = new Sequence[Source.Choices];
        for (var choice = 0; choice < choices.Length; choice++)
        {
            var table = new BlockTable(pool, maxBlocks);
            choices[choice] = new(this, choice, arrival + choice, table, decoder.NewStream(Source.SkipSpecialTokens));
        }
        Choices = choices;
    }
}
