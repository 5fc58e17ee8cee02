using Stoker.Testing;

namespace Stoker.Engine.Tests;

public sealed class LibraryExampleTests
{
    [Fact]
    public async Task The_example_tells_a_story()
    {
        var output = new StringWriter();
        await LibraryExample.TellAsync(TestData.Model("story-3m"), output, TestContext.Current.CancellationToken);
        output.ToString().ShouldMatch(@"\A[\s\S]{20,}\n(Stop|Length), \d+ tokens\n\z");
    }

    [Fact]
    public void The_page_quotes_the_example_as_it_is_compiled()
    {
        var lines = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "TestData", "LibraryExample.cs"));
        var example = lines.SkipWhile(line => line.Trim() != "// example").Skip(1).TakeWhile(line => line.Trim() != "// end of example")
            .Select(line => line.Length == 0 ? "" : line[4..]);
        var page = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "TestData", "engine-library.md"));
        page.ShouldContain($"```csharp\n{string.Join('\n', example)}\n```");
    }
}
