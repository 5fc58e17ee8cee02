using System.Text.RegularExpressions;

namespace Stoker.EndToEnd.Tests.Tidy;

/// <summary>
/// The project graph and the order of the slices are the architecture; these tests read them from the files.
/// </summary>
public partial class ArchitectureTests
{
    private static readonly string[] Ground = ["Storage", "Resources", "Runtimes", "Reconciling"];

    private static readonly string[] Slices =
    [
        "Accounts", "Audit", "Pricing", "Models", "Capacity", "Replicas", "Metering", "Autoscaling", "Deployments", "Addons", "Serverless", "Budgets", "Routing",
        "Gateway",
    ];

    private static readonly Dictionary<string, string[]> Uses = new()
    {
        ["Stoker.Api"] = [],
        ["Stoker.Engine"] = [],
        ["Stoker.Replica"] = ["Stoker.Api", "Stoker.Engine"],
        ["Stoker.ControlPlane"] = ["Stoker.Api"],
        ["Stoker.Server"] = ["Stoker.Api", "Stoker.Engine", "Stoker.Replica", "Stoker.ControlPlane"],
        ["Stoker.Simulation"] = ["Stoker.Replica", "Stoker.ControlPlane"],
        ["Firectl"] = ["Stoker.Api", "Stoker.Simulation"],
    };

    [Fact]
    public void A_project_uses_what_the_architecture_allows()
    {
        foreach (var path in Repository.Files("src", "*.csproj"))
        {
            var project = Path.GetFileNameWithoutExtension(path);
            var references = ProjectReference().Matches(File.ReadAllText(path)).Select(match => match.Groups[1].Value);
            references.Order().ShouldBe(Uses[project].Order(), project);
        }
    }

    [Fact]
    public void The_control_plane_has_only_the_slices_that_are_known() =>
        Directory.EnumerateDirectories(Path.Combine(Repository.Root, "src", "Stoker.ControlPlane"))
            .Select(Path.GetFileName)
            .Except(["obj", "bin"])
            .ShouldBeSubsetOf(Ground.Concat(Slices));

    [Fact]
    public void A_slice_uses_the_ground_and_slices_named_before_it()
    {
        var broken = new List<string>();
        foreach (var slice in Ground.Concat(Slices))
        {
            var folder = Path.Combine("src", "Stoker.ControlPlane", slice);
            if (!Directory.Exists(Path.Combine(Repository.Root, folder))) continue;
            var allowed = Ground.Concat(Ground.Contains(slice) ? [] : Slices.TakeWhile(other => other != slice));
            foreach (var path in Repository.Files(folder, "*.cs"))
            {
                var used = UsedSlice().Matches(File.ReadAllText(path)).Select(match => match.Groups[1].Value).Where(name => name != slice);
                broken.AddRange(used.Except(allowed).Select(name => $"{Repository.Relative(path)} uses {name}"));
            }
        }

        broken.ShouldBeEmpty();
    }

    [Fact]
    public void No_folder_has_a_name_that_says_nothing() =>
        Directory.EnumerateDirectories(Path.Combine(Repository.Root, "src"), "*", SearchOption.AllDirectories)
            .Select(Path.GetFileName)
            .ShouldAllBe(name => name != "Common" && name != "Helpers" && name != "Utils" && name != "Services" && name != "Interfaces");

    [Fact]
    public void A_file_holds_one_concept()
    {
        const int Most = 400; // past it the second concept is there already
        Repository.Files("src", "*.cs")
            .Where(path => !IsGenerated(path))
            .Select(path => (Path: Repository.Relative(path), Lines: File.ReadLines(path).Count()))
            .Where(file => file.Lines > Most)
            .ShouldBeEmpty();
    }

    private static bool IsGenerated(string path) =>
        File.ReadLines(path).Take(3).Any(line => line.Contains("generated", StringComparison.OrdinalIgnoreCase));

    [GeneratedRegex("""<ProjectReference Include="[^"]*/([\w.]+)\.csproj" """)]
    private static partial Regex ProjectReference();

    [GeneratedRegex(@"(?:using (?:static )?|\b)Stoker\.ControlPlane\.([A-Z]\w+)")]
    private static partial Regex UsedSlice();
}
