using System.Globalization;
using System.Text.RegularExpressions;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests;

public class QuickstartTests
{
    private const string Story =
        "Once upon a time, there was a little girl named Lily. She loved to play with her toys and eat yummy snacks.";

    [Fact]
    public async Task Streams_a_story_prints_its_figures_and_leaves_nothing()
    {
        using var sandbox = new Sandbox();
        await using var quickstart = ProgramProcess.Start(sandbox, "stoker", ["quickstart", "--exit"]);
        (await quickstart.ExitAsync()).ShouldBe(0, quickstart.Output);

        quickstart.Output.ShouldContain(Story);
        var figures =
            Regex.Match(quickstart.Output, @"first token: ([\d.]+) s\s+.*:\s+(\d+) ms\s+.*:\s+(\d+) \((\d+) tokens\)");
        figures.Success.ShouldBeTrue(quickstart.Output);
        double.Parse(figures.Groups[1].Value, CultureInfo.InvariantCulture).ShouldBeGreaterThan(0);
        int.Parse(figures.Groups[4].Value, CultureInfo.InvariantCulture).ShouldBe(160);
        var (firstToken, rate) = (int.Parse(figures.Groups[2].Value, CultureInfo.InvariantCulture), int.Parse(figures.Groups[3].Value, CultureInfo.InvariantCulture));
        rate.ShouldBeLessThanOrEqualTo((int)(160_000 / (firstToken - 0.5)) + 1); // of the whole request, its wait included
        quickstart.Output.ShouldContain("curl http://127.0.0.1:");
        quickstart.Output.ShouldContain("firectl create deployment");
        ReplicaProcesses.Under(sandbox.Root).ShouldBeEmpty();
        Directory.EnumerateFileSystemEntries(sandbox.Temporary).ShouldBeEmpty();
        File.Exists(Path.Combine(sandbox.Home, ".stoker", "endpoint.json")).ShouldBeFalse();
    }

    [Fact]
    public async Task Streams_the_same_story_from_the_serverless_tier()
    {
        using var sandbox = new Sandbox();
        for (var i = 0; i < 2; i++) // on data that are kept too
        {
            await using var quickstart = ProgramProcess.Start(sandbox, "stoker", ["quickstart", "--exit", "--serverless", "--data", sandbox.Data]);
            (await quickstart.ExitAsync()).ShouldBe(0, quickstart.Output);
            quickstart.Output.ShouldContain("Deployment accounts/fireworks/deployments/story-3m is READY");
            quickstart.Output.ShouldContain(Story);
            quickstart.Output.ShouldContain("{\"model\": \"accounts/fireworks/models/story-3m\",");
        }

        ReplicaProcesses.Under(sandbox.Root).ShouldBeEmpty();
    }

    [Fact]
    public async Task Stays_up_until_it_is_interrupted()
    {
        using var sandbox = new Sandbox();
        await using var quickstart = ProgramProcess.Start(sandbox, "stoker", ["quickstart"]);
        await quickstart.LineAsync("Ctrl-C ends it");
        File.Exists(Path.Combine(sandbox.Home, ".stoker", "endpoint.json")).ShouldBeTrue();
        (await quickstart.InterruptAsync()).ShouldBe(0, quickstart.Output);
        ReplicaProcesses.Under(sandbox.Root).ShouldBeEmpty();
        Directory.EnumerateFileSystemEntries(sandbox.Temporary).ShouldBeEmpty();
    }

    [Fact]
    public async Task Works_again_on_data_that_are_kept()
    {
        using var sandbox = new Sandbox();
        for (var i = 0; i < 2; i++)
        {
            await using var quickstart = ProgramProcess.Start(sandbox, "stoker", ["quickstart", "--exit", "--data", sandbox.Data]);
            (await quickstart.ExitAsync()).ShouldBe(0, quickstart.Output);
            quickstart.Output.ShouldContain(Story);
        }
    }
}
