using System.Text.Json;

namespace Stoker.Engine.Tokenization.Loading;

/// <summary>
/// Reads <c>post_processor</c>: which ids stand before and after a text that is encoded with special tokens.
/// </summary>
internal static class PostProcessorReader
{
    private const string Known = "TemplateProcessing, ByteLevel, Sequence";

    public static (int[] Before, int[] After) Read(ComponentJson processor)
    {
        var (before, after) = (new List<int>(), new List<int>());
        if (!processor.IsNull) Apply(processor, before, after);
        return ([.. before], [.. after]);
    }

    private static void Apply(ComponentJson processor, List<int> before, List<int> after)
    {
        switch (processor.Type)
        {
            case "ByteLevel": // trims offsets, which nobody here asks for
                break;
            case "Sequence":
                foreach (var item in processor.Items("processors")) Apply(item, before, after);
                break;
            case "TemplateProcessing":
                ApplyTemplate(processor, before, after);
                break;
            default:
                throw processor.Unsupported("the post-processor", Known);
        }
    }

    /// <summary>A later template stands around what earlier ones made.</summary>
    private static void ApplyTemplate(ComponentJson template, List<int> before, List<int> after)
    {
        var (left, right, seen) = (new List<int>(), new List<int>(), false);
        foreach (var item in template.Items("single"))
        {
            if (item.Member("Sequence") is { IsNull: false } sequence)
            {
                if (seen || sequence.Text("id") != "A") throw sequence.Error("exactly one sequence, A, was expected");
                seen = true;
            }
            else
            {
                (seen ? right : left).AddRange(Ids(template, item.Member("SpecialToken").Text("id")));
            }
        }

        if (!seen) throw template.Member("single").Error("has no place for the sequence A");
        before.InsertRange(0, left);
        after.AddRange(right);
    }

    private static IEnumerable<int> Ids(ComponentJson template, string token) =>
        template.Member("special_tokens").Member(token).Items("ids").Select(id =>
            id.Json.ValueKind == JsonValueKind.Number && id.Json.TryGetInt32(out var value) && value >= 0
                ? value
                : throw id.Error("an id was expected"));
}
