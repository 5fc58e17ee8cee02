using System.Text;
using Stoker.Engine.Sampling;

namespace Stoker.Engine.Scheduling;

/// <summary>
/// The text of one choice in the making: detokenises, looks for stop strings, and keeps tokens until their text is
/// certain.
/// </summary>
internal sealed class ChoiceText(int choice, ITextStream stream, StopScanner stops)
{
    private static readonly IReadOnlyList<TokenLogprob> NoTop = [];
    private readonly List<GeneratedToken> _kept = [];
    private int _offset; // of the next token's text, in code points

    /// <summary>The echoed end of the prompt; stop strings in it do not count.</summary>
    /// <remarks>
    /// Each choice decodes it, because its own text goes on from there; text and tokens are one for all.
    /// </remarks>
    public GenerationEvent Echo(PromptEcho echo)
    {
        var offsets = new int[echo.Tokens.Count];
        var text = new StringBuilder();
        for (var index = 0; index < offsets.Length; index++)
        {
            offsets[index] = _offset;
            text.Append(Decode(echo.Tokens[index].Id));
        }
        if (!echo.IsSent) echo.Complete(text.ToString(), offsets);
        return new(choice, echo.Text!, echo.Tokens) { IsPrompt = true };
    }

    /// <summary>Takes the next token. True: a stop string ended the text.</summary>
    /// <param name="lookForStops">False before min_tokens: such text is certain at once.</param>
    /// <param name="released">Text that became certain; empty when all of it is held back.</param>
    public bool Append(GeneratedToken token, bool lookForStops, out string released)
    {
        _kept.Add(token with { TextOffset = _offset });
        released = Decode(token.Id);
        return lookForStops && stops.Push(released, out released);
    }

    /// <summary>Takes the end token, which leaves no text.</summary>
    public void AppendEnd(GeneratedToken token) => _kept.Add(token with { TextOffset = _offset, IsEnd = true });

    /// <summary>No token comes any more: gives back what was held. True: its end completes a stop string.</summary>
    public bool Finish(bool lookForStops, out string released)
    {
        released = stream.Flush();
        if (lookForStops && stops.Push(released, out released)) return true;
        released += stops.Flush();
        return false;
    }

    /// <summary>An event of the text and all tokens kept until now; null when there is nothing to tell yet.</summary>
    public GenerationEvent? Take(string released, FinishReason? finish)
    {
        if (released.Length == 0 && finish is null) return null;
        GeneratedToken[] tokens = [.. _kept];
        _kept.Clear();
        return new(choice, released, tokens, finish);
    }

    public static GeneratedToken Token(int id, ReadOnlyMemory<byte> bytes, double? logprob, IReadOnlyList<TokenLogprob>? top) =>
        new(id, bytes, 0, logprob, top ?? NoTop);

    private string Decode(int id)
    {
        var text = stream.Append(id);
        foreach (var unit in text)
        {
            if (!char.IsLowSurrogate(unit)) _offset++;
        }
        return text;
    }
}
