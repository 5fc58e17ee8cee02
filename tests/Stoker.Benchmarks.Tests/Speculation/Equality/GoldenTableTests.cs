using Stoker.Benchmarks.Speculation.Equality;

namespace Stoker.Benchmarks.Tests.Speculation.Equality;

public class GoldenTableTests
{
    [Theory]
    [InlineData("story-3m-eagle", "\"total_accepted\": 297", "\"total_accepted\": 298", "story-3m-eagle: 297 of 900 accepted, in the reference 298 of 900")]
    [InlineData("story-draft-400k", "\"accepted_per_round\": [", "\"accepted_per_round\": [0, ", "story-draft-400k: prompt 0 of the reference has other tokens, or other counts of accepted drafts")]
    public void A_reference_that_says_something_else_is_told(string drafter, string said, string instead, string fault)
    {
        using var goldens = new TemporaryFolder();
        foreach (var file in Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "goldens"))) File.Copy(file, Path.Combine(goldens.Path, Path.GetFileName(file)));
        var changed = Path.Combine(goldens.Path, $"{drafter}.json");
        var text = File.ReadAllText(changed);
        text.ShouldContain(said);
        File.WriteAllText(changed, text.Replace(said, instead, StringComparison.Ordinal));
        GoldenTable.Print(Path.Combine(AppContext.BaseDirectory, "models"), goldens.Path).ShouldContain(fault);
    }
}
