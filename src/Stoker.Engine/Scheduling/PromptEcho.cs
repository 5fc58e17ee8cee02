namespace Stoker.Engine.Scheduling;

/// <summary>The echoed end of a prompt, with the log-probabilities that its rows give. Shared by the choices of a request.</summary>
/// <remarks>The row of a position tells the token after it, so the first token of a prompt has no value.</remarks>
internal sealed class PromptEcho
{
    private readonly GeneratedToken[] _tokens;
    private readonly int _start;

    /// <param name="start">The first prompt position that is echoed.</param>
    public PromptEcho(ReadOnlySpan<int> prompt, int start, bool withLogprobs, ITextDecoder decoder)
    {
        (_start, _tokens) = (start, new GeneratedToken[prompt.Length - start]);
        for (var index = 0; index < _tokens.Length; index++)
        {
            var id = prompt[start + index];
            _tokens[index] = ChoiceText.Token(id, decoder.TokenBytes(id), null, null);
        }
        var firstRow = Math.Max(start - 1, 0);
        LogitsFrom = withLogprobs && firstRow < prompt.Length - 1 ? firstRow : int.MaxValue;
    }

    /// <summary>The first row whose logits are wanted; <see cref="int.MaxValue"/> when none are.</summary>
    public int LogitsFrom { get; }

    public IReadOnlyList<GeneratedToken> Tokens => _tokens;

    /// <summary>Whether the row's logits say something about an echoed token.</summary>
    public bool Wants(int row) => row + 1 - _start is >= 0 and var index && index < _tokens.Length;

    public int TokenAfter(int row) => _tokens[row + 1 - _start].Id;

    public void Set(int row, double logprob, IReadOnlyList<TokenLogprob> top) =>
        _tokens[row + 1 - _start] = _tokens[row + 1 - _start] with { Logprob = logprob, TopLogprobs = top };
}
