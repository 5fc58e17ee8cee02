using Stoker.Engine.KvCache;
using Stoker.Engine.Sampling;

namespace Stoker.Engine.Scheduling;

/// <summary>
/// A request that was taken: its choices, its events and its times. After submission only the loop touches it.
/// </summary>
internal sealed class RequestState
{
    private Action? _leaveQueue;

    /// <param name="group">The engine's number of the request; never reused.</param>
    /// <param name="submittedAt">A timestamp of the engine's clock.</param>
    /// <param name="leaveQueue">Called once, when the request waits no longer for its first step.</param>
    public RequestState(
        GenerationRequest source, AdmittedRequest admitted, int group, long submittedAt, int[] modelEnds, int maxUnreadEvents, Action? leaveQueue = null)
    {
        _leaveQueue = leaveQueue;
        (Source, Settings, Group, SubmittedAt) = (source, admitted.Settings, group, submittedAt);
        (Prompt, Stops, MaxTokens) = (admitted.Prompt, new(admitted.Stops), admitted.MaxTokens);
        Space = new(source.CacheSalt, source.AdapterVersion);
        EndTokens = [.. source.IgnoreEos ? [] : modelEnds, .. admitted.StopTokens];
        (Events, Unfinished) = (new(maxUnreadEvents, source.Choices), source.Choices);
    }

    public GenerationRequest Source { get; }

    public SamplingSettings Settings { get; }

    public int Group { get; }

    public int[] Prompt { get; }

    public StopStrings Stops { get; }

    public int MaxTokens { get; }

    /// <summary>Whose prefixes it may use.</summary>
    public PrefixSpace Space { get; }

    /// <summary>Tokens that end a choice: the model's, unless they are ignored, and the request's own.</summary>
    public int[] EndTokens { get; }

    public EventBuffer Events { get; }

    public PromptEcho? Echo { get; private set; }

    /// <summary>Made when the loop takes the request in; empty before.</summary>
    public Sequence[] Choices { get; private set; } = [];

    /// <summary>Choices without an end.</summary>
    public int Unfinished { get; set; }

    public bool IsEnded => Unfinished == 0;

    public int CompletionTokens { get; set; }

    /// <summary>Prompt tokens that the prefix cache had when the request began.</summary>
    public int CachedTokens { get; set; }

    public long SubmittedAt { get; }

    public long? StartedAt { get; set; }

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
