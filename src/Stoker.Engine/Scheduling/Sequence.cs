using System.Runtime.InteropServices;
using Stoker.Engine.KvCache;
using Stoker.Engine.Sampling;

namespace Stoker.Engine.Scheduling;

/// <summary>One choice of a request while it is generated.</summary>
internal sealed class Sequence : SequenceState
{
    // Made when it first runs and let go with its end: hundreds of choices may wait on one long prompt.
    private List<int>? _tokens;
    private TokenSampler? _sampler;

    public Sequence(RequestState request, int choice, long arrival, BlockTable table, ITextStream text)
        : base(arrival, request.Group, request.Prompt.Length, request.Prompt.Length + request.MaxTokens, table)
    {
        (Request, Choice, Space) = (request, choice, request.Space);
        Text = new(choice, text, new(request.Stops, request.Source.IncludeStopText));
        if (request.Echo is { } echo) PromptLogitsFrom = echo.LogitsFrom;
    }

    public RequestState Request { get; }

    public int Choice { get; }

    public TokenSampler Sampler => _sampler ??= new(Request.Settings, Choice, Request.Prompt);

    public ChoiceText Text { get; }

    public int Generated => TokenCount - PromptLength;

    /// <summary>The echo, if there is one, was sent.</summary>
    public bool PromptSent { get; set; }

    public long FirstTokenAt { get; set; }

    public long LastTokenAt { get; set; }

    public FinishReason? Finish { get; private set; }

    public override ReadOnlySpan<int> Tokens => _tokens is null ? Request.Prompt : CollectionsMarshal.AsSpan(_tokens);

    private List<int> TokenList => _tokens ??= [.. Request.Prompt];

    public void Append(int token)
    {
        TokenList.Add(token);
        TokenCount++;
    }

    public void End(FinishReason reason)
    {
        Finish = reason;
        (_tokens, _sampler) = (null, null);
    }
}
