using System.Runtime.InteropServices;
using Stoker.Engine.KvCache;
using Stoker.Engine.Sampling;

namespace Stoker.Engine.Scheduling;

/// <summary>One choice of a request while it is generated.</summary>
internal sealed class Sequence : SequenceState
{
    private readonly List<int> _tokens;

    public Sequence(RequestState request, int choice, long arrival, BlockTable table, ITextStream text)
        : base(arrival, request.Group, request.Prompt.Length, request.Prompt.Length + request.MaxTokens, table)
    {
        (Request, Choice) = (request, choice);
        _tokens = [.. request.Prompt];
        Sampler = new(request.Settings, choice, request.Prompt);
        Text = new(choice, text, new(request.Stops, request.Source.IncludeStopText));
        if (request.Echo is { } echo) PromptLogitsFrom = echo.LogitsFrom;
    }

    public RequestState Request { get; }

    public int Choice { get; }

    public TokenSampler Sampler { get; }

    public ChoiceText Text { get; }

    public int Generated => _tokens.Count - PromptLength;

    /// <summary>The echo, if there is one, was sent.</summary>
    public bool PromptSent { get; set; }

    public long FirstTokenAt { get; set; }

    public long LastTokenAt { get; set; }

    public FinishReason? Finish { get; set; }

    public ReadOnlySpan<int> Tokens => CollectionsMarshal.AsSpan(_tokens);

    public void Append(int token)
    {
        _tokens.Add(token);
        TokenCount = _tokens.Count;
    }
}
