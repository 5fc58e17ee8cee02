using System.Text;
using Stoker.Engine.Tokenization.Patterns;
using Stoker.Engine.Tokenization.Splitting;
using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization.Loading;

/// <summary>Reads <c>pre_tokenizer</c> into a chain of steps.</summary>
internal sealed class PreTokenizerReader
{
    private const string Known = "Sequence, Split, ByteLevel, Metaspace, Digits, Punctuation";
    private readonly List<Component> _flat = [];

    private PreTokenizerReader(ComponentJson preTokenizer) => Flatten(preTokenizer);

    /// <summary>
    /// Whether the model sees bytes: the last step is ByteLevel, which then changes no text but tells how the
    /// vocabulary is spelled.
    /// </summary>
    public bool BytesLast => _flat.Count > 0 && _flat[^1].Json.Type == "ByteLevel";

    /// <summary>Steps that keep a text of their own; counted while building.</summary>
    public int TransformingSteps { get; private set; }

    public static PreTokenizerReader Read(ComponentJson preTokenizer) => new(preTokenizer);

    /// <summary>The first step of the chain.</summary>
    public PieceStep Build(PieceStep model)
    {
        var next = model;
        for (var i = _flat.Count - 1; i >= 0; i--) next = BuildStep(_flat[i].Json, next, isLast: i == _flat.Count - 1);
        return next;
    }

    private void Flatten(ComponentJson component)
    {
        if (component.IsNull) return;
        if (component.Type != "Sequence")
        {
            _flat.Add(new Component(component));
            return;
        }

        foreach (var item in component.Items("pretokenizers")) Flatten(item);
    }

    private PieceStep BuildStep(ComponentJson step, PieceStep next, bool isLast) => step.Type switch
    {
        "Split" => BuildSplit(step, next),
        "ByteLevel" => BuildByteLevel(step, next, isLast),
        "Metaspace" => BuildMetaspace(step, next),
        "Digits" => BuildDigits(step, next),
        "Punctuation" => BuildPunctuation(step, next),
        _ => throw step.Unsupported("the pre-tokenizer", Known),
    };

    private static SplitStep BuildSplit(ComponentJson step, PieceStep next) => new(
        PatternReader.Read(step.Member("pattern")), ReadBehavior(step.Member("behavior")), step.Flag("invert", absent: false), next);

    private PieceStep BuildByteLevel(ComponentJson step, PieceStep next, bool isLast)
    {
        if (!isLast) next = new ByteAlphabetStep(TransformingSteps++, next);
        if (step.Flag("use_regex", absent: true)) next = new SplitStep(new Gpt2Scanner(), SplitBehavior.Isolated, invert: false, next);
        return step.Flag("add_prefix_space", absent: true) ? new PrefixSpaceStep(TransformingSteps++, next) : next;
    }

    private MetaspaceStep BuildMetaspace(ComponentJson step, PieceStep next)
    {
        var text = step.Member("replacement") is { IsNull: false } given ? given.AsText() : "\u2581";
        if (!Rune.TryGetRuneAt(text, 0, out var mark) || mark.Utf16SequenceLength != text.Length)
        {
            throw step.Member("replacement").Error("must be one character");
        }
        if (step.Flag("split", absent: true))
        {
            next = new SplitStep(new LiteralMatcher(Encoding.UTF8.GetBytes(text)), SplitBehavior.MergedWithNext, invert: false, next);
        }

        return new MetaspaceStep(mark, ReadScheme(step), TransformingSteps++, next);
    }

    /// <summary>
    /// Also for the decoder of the same name. Old files have <c>add_prefix_space</c> in place of the scheme.
    /// </summary>
    public static PrependScheme ReadScheme(ComponentJson step)
    {
        var scheme = step.Member("prepend_scheme");
        if (scheme.IsNull)
        {
            return step.Flag("add_prefix_space", absent: true) ? PrependScheme.Always : PrependScheme.Never;
        }
        return scheme.AsText() switch
        {
            "always" => PrependScheme.Always,
            "first" => PrependScheme.First,
            "never" => PrependScheme.Never,
            var other => throw scheme.Error($"'{other}' is not one of always, first, never"),
        };
    }

    private static SplitStep BuildDigits(ComponentJson step, PieceStep next)
    {
        var behavior =
            step.Flag("individual_digits", absent: false) ? SplitBehavior.Isolated : SplitBehavior.Contiguous;
        return new SplitStep(new ClassMatcher(CharacterClass.Number), behavior, invert: false, next);
    }

    private static SplitStep BuildPunctuation(ComponentJson step, PieceStep next)
    {
        var behavior =
            step.Member("behavior") is { IsNull: false } given ? ReadBehavior(given) : SplitBehavior.Isolated;
        return new SplitStep(new ClassMatcher(CharacterClass.Punctuation, asciiPunctuation: true), behavior, invert: false, next);
    }

    private static SplitBehavior ReadBehavior(ComponentJson behavior)
    {
        // No Enum.Parse: this runs at every start, and that one looks the names up by reflection.
        return behavior.AsText() switch
        {
            nameof(SplitBehavior.Removed) => SplitBehavior.Removed,
            nameof(SplitBehavior.Isolated) => SplitBehavior.Isolated,
            nameof(SplitBehavior.MergedWithPrevious) => SplitBehavior.MergedWithPrevious,
            nameof(SplitBehavior.MergedWithNext) => SplitBehavior.MergedWithNext,
            nameof(SplitBehavior.Contiguous) => SplitBehavior.Contiguous,
            var other => throw behavior.Error($"'{other}' is not one of {string.Join(", ", Enum.GetNames<SplitBehavior>())}"),
        };
    }

    /// <summary>A class, because a list of those is compiled ahead.</summary>
    private sealed record Component(ComponentJson Json);
}
