using Stoker.Engine;

namespace Stoker.Benchmarks.Speculation.Equality;

/// <summary>One way to speculate.</summary>
/// <param name="Predicts">Requests bring predictions, also where all run one after the other.</param>
internal sealed record EqualityKind(string Name, SpeculationOptions Speculation, bool Predicts = false)
{
    private static readonly int[] Counts = [4, 7];

    /// <summary>Each drafter with each count of drafts, adaptive and not; predictions have a count of their own.</summary>
    public static IEnumerable<EqualityKind> All(string models)
    {
        foreach (var adaptive in (bool[])[false, true])
        {
            foreach (var count in Counts)
            {
                var options = new SpeculationOptions { DraftTokens = count, Adaptive = adaptive };
                yield return new("draft model", options with { DraftFolder = Path.Combine(models, "story-draft-400k") });
                yield return new("EAGLE head", options with { DraftFolder = Path.Combine(models, "story-3m-eagle") });
                yield return new("n-gram of 3", options with { NgramLength = 3 });
            }

            yield return new("prediction", new() { Adaptive = adaptive }, Predicts: true);
        }
    }

    public string Drafts => Predicts ? "16" : $"{Speculation.DraftTokens}";

    public string Adaptive => Speculation.Adaptive ? "on" : "off";
}
