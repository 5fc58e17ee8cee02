using System.Runtime.InteropServices;
using Stoker.Engine.KvCache;
using Stoker.Engine.Sampling;
using Stoker.Engine.Speculation;

namespace Stoker.Engine.Scheduling;

/// <summary>One choice of a request while it is generated. The loop's, but for <see cref="Output"/>.</summary>
internal sealed class Sequence : SequenceState
{
    // Made when it first runs and let go with its end: hundreds of choices may wait on one long prompt.
    private List<int>? _tokens;
    private TokenSampler? _sampler;
    private SequenceDrafts? _drafts;

    public Sequence(RequestState request, int choice, long arrival, BlockTable table, ITextStream text)
        : base(arrival, request.Group, request.Prompt.Length, request.Prompt.Length + request.MaxTokens, table)
    {
        (Request, Choice, Space) = (request, choice, request.Space);
        Output = new(choice, text, new(request.Stops, request.Source.IncludeStopText));
        TokenCount = request.First.Length;
        PromptSent = request.Answered.Length > 0;
        if (request.Echo is { } echo && !PromptSent) PromptLogitsFrom = echo.LogitsFrom;
    }

    public RequestState Request { get; }

    public int Choice { get; }

    public TokenSampler Sampler => _sampler ??= FirstSampler();

    public SequenceDrafts Drafts => _drafts ??= new();

    public override int DraftCount => _drafts?.Count ?? 0;

    /// <summary>The delivery's.</summary>
    public ChoiceOutput Output { get; }

    public override bool TryMakeReady() => Request.Addon?.TryPin() ?? true;

    public int Generated => TokenCount - PromptLength;

    /// <summary>The delivery was told to send the echo, if there is one.</summary>
    public bool PromptSent { get; set; }

    /// <summary>The scheduler has let go of it.</summary>
    public bool IsGone { get; private set; }

    public override ReadOnlySpan<int> Tokens => _tokens is null ? Request.First : CollectionsMarshal.AsSpan(_tokens);

    private List<int> TokenList => _tokens ??= FirstTokens();

    public void Append(int token)
    {
        TokenList.Add(token);
        TokenCount++;
    }

    public void Leave() => (IsGone, _tokens, _sampler, _drafts) = (true, null, null, null);

    // With room for the whole answer, so that no token ever waits for a larger list; the block table is sized likewise.
    private List<int> FirstTokens()
    {
        var tokens = new List<int>(MaxTokenCount);
        tokens.AddRange(Request.First);
        return tokens;
    }

    private TokenSampler FirstSampler()
    {
        var sampler = new TokenSampler(Request.Settings, Choice, Request.Prompt);
        foreach (var id in Request.Answered) sampler.Observe(id);
        return sampler;
    }
}
