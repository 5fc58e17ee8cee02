namespace Stoker.Engine.Scheduling;

/// <summary>
/// The echoed end of a prompt, with the log-probabilities that its rows give. Shared by the choices of a request.
/// </summary>
/// <remarks>
/// The row of a position tells the token after it, so the first token of a prompt has no value. The tokens are made
/// when they are first used: a request that waits holds none.
/// The loop sets the values until it hands the echo over (<see cref="IsClosed"/>); from then on all is the delivery's.
/// </remarks>
internal sealed class PromptEcho
{
    private readonly int[] _prompt;
    private readonly ITextDecoder _decoder;
    private readonly int _start;
    private GeneratedToken[]? _tokens;

    /// <param name="start">The first prompt position that is echoed.</param>
    public PromptEcho(int[] prompt, int start, bool withLogprobs, ITextDecoder decoder)
    {
        (_prompt, _start, _decoder) = (prompt, start, decoder);
        var firstRow = Math.Max(start - 1, 0);
        LogitsFrom = withLogprobs && firstRow < prompt.Length - 1 ? firstRow : int.MaxValue;
    }

    /// <summary>The first row whose logits are wanted; <see cref="int.MaxValue"/> when none are.</summary>
    public int LogitsFrom { get; }

    /// <summary>A choice was told to send it: the loop sets no more values.</summary>
    public bool IsClosed { get; set; }

    /// <summary>The text of all tokens, once a choice has decoded it.</summary>
    public string? Text { get; private set; }

    /// <summary>An event has the tokens: they change no more.</summary>
    public bool IsSent => Text is not null;

    public GeneratedTokens Tokens => new(_tokens ??= MakeTokens());

    /// <summary>Whether the row's logits say something about an echoed token.</summary>
    public bool Wants(int row) => row + 1 - _start is >= 0 and var index && index < _prompt.Length - _start;

    public int TokenAfter(int row) => _prompt[row + 1];

    public void Set(int row, double logprob, IReadOnlyList<TokenLogprob> top)
    {
        ref var token = ref (_tokens ??= MakeTokens())[row + 1 - _start];
        token = token with { Logprob = logprob, TopLogprobs = top };
    }

    /// <summary>What decoding has shown: the whole text, and where in it each token begins.</summary>
    public void Complete(string text, ReadOnlySpan<int> offsets)
    {
        var tokens = _tokens ??= MakeTokens();
        for (var index = 0; index < tokens.Length; index++) tokens[index] = tokens[index] with { TextOffset = offsets[index] };
        Text = text;
    }

    private GeneratedToken[] MakeTokens() =>
        Array.ConvertAll(_prompt[_start..], id => ChoiceOutput.Token(id, _decoder.TokenBytes(id), null, null));
}
