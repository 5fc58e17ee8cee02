using Stoker.Engine.Tokenization.Bpe;
using Stoker.Engine.Tokenization.Patterns;
using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization;

/// <summary>Everything one encoding needs beside the tokenizer itself; reused, by one thread at a time.</summary>
internal sealed class EncodeState(int transformingSteps)
{
    private readonly Utf8Buffer[] _stepTexts = Create(transformingSteps);

    /// <summary>Where the ids go.</summary>
    public List<int> Ids { get; set; } = [];

    /// <summary>The text as given, as UTF-8.</summary>
    public Utf8Buffer Raw { get; } = new();

    /// <summary>The text after the normalizers, and their workplace.</summary>
    public Utf8Buffer Normalized { get; } = new();

    public Utf8Buffer Spare { get; } = new();

    public PieceCache Cache { get; } = new();

    public MatchScratch Matching { get; } = new();

    public MergeScratch Merging { get; } = new();

    /// <summary>
    /// The text that a splitting step made of its input; each such step has its own, because the pieces it hands on
    /// point into it.
    /// </summary>
    public Utf8Buffer StepText(int index) => _stepTexts[index];

    /// <summary>
    /// Forgets the last call's text, so that prompts do not lie about in memory (words in the piece cache apart) and a
    /// huge one is given back.
    /// </summary>
    public void Clear()
    {
        Ids = [];
        Raw.Clear();
        Normalized.Clear();
        Spare.Clear();
        foreach (var text in _stepTexts) text.Clear();
        Matching.Clear();
        Merging.Clear();
    }

    private static Utf8Buffer[] Create(int count)
    {
        var texts = new Utf8Buffer[count];
        for (var i = 0; i < count; i++) texts[i] = new Utf8Buffer();
        return texts;
    }
}
