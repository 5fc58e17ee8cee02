using Stoker.Engine.Tokenization.Patterns;
using Stoker.Engine.Tokenization.Splitting;

namespace Stoker.Engine.Tokenization.Loading;

/// <summary>Reads <c>pre_tokenizer</c> into a chain of steps.</summary>
internal sealed class PreTokenizerReader
{
    private const string Known = "Sequence, Split, ByteLevel";
    private readonly List<ComponentJson> _flat = [];

    private PreTokenizerReader(ComponentJson preTokenizer) => Flatten(preTokenizer);

    /// <summary>Whether the model sees bytes: the last step is ByteLevel, which then changes no text but tells how the vocabulary is spelled.</summary>
    public bool BytesLast => _flat.Count > 0 && _flat[^1].Type == "ByteLevel";

    /// <summary>Steps that keep a text of their own.</summary>
    public int TransformingSteps { get; private set; }

    public static PreTokenizerReader Read(ComponentJson preTokenizer) => new(preTokenizer);

    /// <summary>The first step of the chain.</summary>
    public PieceStep Build(PieceStep model)
    {
        var next = model;
        for (var i = _flat.Count - 1; i >= 0; i--) next = BuildStep(_flat[i], next);
        return next;
    }

    private void Flatten(ComponentJson component)
    {
        if (component.IsNull) return;
        if (component.Type != "Sequence") _flat.Add(component);
        else foreach (var item in component.Items("pretokenizers")) Flatten(item);
    }

    private static PieceStep BuildStep(ComponentJson step, PieceStep next) => step.Type switch
    {
        "Split" => new SplitStep(ReadPattern(step.Member("pattern")), ReadBehavior(step), step.Flag("invert", absent: false), next),
        "ByteLevel" when !step.Flag("add_prefix_space", absent: true) && !step.Flag("use_regex", absent: true) => next,
        _ => throw step.Unsupported("the pre-tokenizer", Known),
    };

    private static PatternMatcher ReadPattern(ComponentJson pattern) =>
        KnownPatterns.Find(pattern.Text("Regex")) ?? throw pattern.Error("this regular expression is not supported");

    private static SplitBehavior ReadBehavior(ComponentJson step) =>
        Enum.TryParse<SplitBehavior>(step.Text("behavior"), out var behavior) && Enum.IsDefined(behavior)
            ? behavior
            : throw step.Member("behavior").Error($"'{step.Text("behavior")}' is not one of {string.Join(", ", Enum.GetNames<SplitBehavior>())}");
}
