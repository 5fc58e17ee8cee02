using System.Text.RegularExpressions;

namespace Stoker.EndToEnd.Tests.Tidy;

public partial class DocsTests
{
    [Fact]
    public void Every_link_leads_somewhere()
    {
        var dead = new List<string>();
        foreach (var path in Repository.Files("docs", "*.md").Append(Path.Combine(Repository.Root, "README.md")))
        {
            foreach (Match link in Link().Matches(File.ReadAllText(path)))
            {
                var target = link.Groups[1].Value.Split('#')[0];
                if (target.Length == 0 || target.Contains("://", StringComparison.Ordinal)) continue;
                if (!Path.Exists(Path.Combine(Path.GetDirectoryName(path)!, target))) dead.Add($"{Repository.Relative(path)}: {target}");
            }
        }

        dead.ShouldBeEmpty();
    }

    [Fact]
    public void Every_page_is_reached_from_the_readme()
    {
        var readme = File.ReadAllText(Path.Combine(Repository.Root, "README.md"));
        Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md")
            .Select(path => $"docs/{Path.GetFileName(path)}")
            .Where(page => !readme.Contains(page, StringComparison.Ordinal))
            .ShouldBeEmpty();
    }

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();
}
