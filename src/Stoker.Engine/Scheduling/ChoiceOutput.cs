using System.Runtime.InteropServices;
using System.Text;
using Stoker.Engine.Sampling;
using Stoker.Engine.Speculation;

namespace Stoker.Engine.Scheduling;

/// <summary>
/// What one choice has given so far: detokenises, looks for stop strings, keeps tokens until their text is certain, and
/// counts. The delivery owns it; the loop never looks in.
/// </summary>
internal sealed class ChoiceOutput(int choice, ITextStream stream, StopScanner stops)
{
    private static readonly IReadOnlyList<TokenLogprob> NoTop = [];
    private readonly List<GeneratedToken> _kept = [];
    private PredictionCursor? _prediction;
    private int _offset; // of the next token's text, in code points

    /// <summary>Tokens told or kept: those that count. The loop may be a few ahead when a stop string ends the text.</summary>
    public int Generated { get; private set; }

    /// <summary>Those of them that another engine generated.</summary>
    public int Known { get; private set; }

    /// <summary>Those of them that this one generated.</summary>
    public int Own => Generated - Known;

    /// <summary>Tokens that stood where the prediction said.</summary>
    public int Matched => _prediction?.Matched ?? 0;

    public long FirstTokenAt { get; set; }

    public long LastTokenAt { get; set; }

    /// <summary>The reader was told why it ended: nothing more comes, whatever the loop still sends.</summary>
    public FinishReason? Finish { get; set; }

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

    /// <summary>A token counts from here on, whether it leaves text or not.</summary>
    public void Count() => Generated++;

    /// <summary>The same for a token that the reader has from elsewhere.</summary>
    public void CountKnown() => (Generated, Known) = (Generated + 1, Known + 1);

    /// <summary>Looks whether the answer goes on as predicted.</summary>
    public void Follow(int[] predicted, int token)
    {
        if (predicted.Length > 0) (_prediction ??= new(predicted)).Advance(token);
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
    public bool Flush(bool lookForStops, out string released)
    {
        released = stream.Flush();
        if (lookForStops && stops.Push(released, out released)) return true;
        released += stops.Flush();
        return false;
    }

    /// <summary>An event of the text and all tokens kept until now.</summary>
    public GenerationEvent Take(string released, FinishReason? finish)
    {
        var tokens = GeneratedTokens.Create(CollectionsMarshal.AsSpan(_kept));
        _kept.Clear();
        return new(choice, released, tokens, finish);
    }

    public static GeneratedToken Token(int id, ReadOnlyMemory<byte> bytes, double? logprob, IReadOnlyList<TokenLogprob>? top) =>
        new(id, bytes, 0, logprob, top ?? NoTop);

    public static IReadOnlyList<TokenLogprob> Named((int Id, double Logprob)[] top, ITextDecoder decoder) =>
        Array.ConvertAll(top, entry => new TokenLogprob(entry.Id, decoder.TokenBytes(entry.Id), entry.Logprob));

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
