using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Stoker.EndToEnd.Tests.Harness;
using Stoker.EndToEnd.Tests.Tidy;

namespace Stoker.EndToEnd.Tests;

/// <summary>
/// Every firectl and curl line of docs/seeds-walkthrough.md, as it stands there and in its order, against a server with the
/// emulated inventory of the page.
/// </summary>
public partial class WalkthroughTests
{
    [Fact]
    public async Task Every_line_of_the_walkthrough_does_what_the_page_says()
    {
        var lines = Commands(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "seeds-walkthrough.md"), TestContext.Current.CancellationToken));
        lines.Count(line => line.StartsWith("firectl ", StringComparison.Ordinal)).ShouldBeGreaterThan(40);
        lines.Count(line => line.StartsWith("curl ", StringComparison.Ordinal)).ShouldBeGreaterThan(4);

        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox, arguments: ["--config", Path.Combine(Repository.Root, "docs", "examples", "emulated.json")]);
        await RunAsync(sandbox, server, lines);

        server.Output.ShouldContain("8 NVIDIA_A100_80GB (emulated) in US_IOWA_1"); // the log does not hide it either
        server.Output.ShouldContain("on 1 NVIDIA_A100_80GB (emulated by simulated) in ");
        (await server.GetAsync("on-mi300x")).Region.ShouldBe("EU_FRANKFURT_1");
        (await server.GetAsync("two-cards")).AcceleratorCount.ShouldBe(2);
        (await server.GetAsync("long")).AcceleratorCount.ShouldBe(2);
        await server.ReadyAsync("waits");
    }

    [Fact]
    public async Task Every_line_about_serverless_does_what_the_page_says()
    {
        var lines = Commands(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "serverless.md"), TestContext.Current.CancellationToken));
        lines.Count.ShouldBeGreaterThan(12);
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox);

        await RunAsync(sandbox, server, lines);

        (await FirectlRun.OfAsync(sandbox, "get", "model", "accounts/fireworks/models/story-3m")).Output.ShouldContain("Supports Serverless: false");
    }

    [Fact]
    public async Task Accelerators_that_our_own_engine_emulates_give_real_answers()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox, new Dictionary<string, string>
        {
            ["Stoker__Capacity__Emulated__US_IOWA_1__NVIDIA_H100_80GB"] = "2",
            ["Stoker__Capacity__EmulatedEngine"] = "stoker",
            ["Stoker__Capacity__DefaultType"] = "NVIDIA_H100_80GB",
        });
        var deployed = await server.DeployAsync("d");
        (deployed.AcceleratorType, deployed.Region, deployed.Emulated).ShouldBe(("NVIDIA_H100_80GB", "US_IOWA_1", true));
        var (prompt, text, tokens) = DeployedServer.Golden;
        var body = new JsonObject { ["model"] = DeployedServer.Deployment, ["prompt"] = prompt, ["max_tokens"] = tokens, ["temperature"] = 0, ["ignore_eos"] = true };
        var answer = await RawHttp.PostAsync(server, "/inference/v1/completions", body.ToJsonString());
        answer.Json["choices"]![0]!["text"]!.GetValue<string>().ShouldBe(text);
        server.Output.ShouldContain("(emulated by stoker) in US_IOWA_1");
    }

    [Fact]
    public void Lines_are_found_with_what_belongs_to_them()
    {
        const string Page = """
            # Page
            firectl is not in a block
                firectl list regions
                dotnet build

                curl "$URL" \
                  -d '{"a": 1,
                       "b": "firectl"}'
                firectl get deployment d # exit status 3
            """;
        var lines = Commands(Page);
        lines.Count.ShouldBe(3);
        lines[1].ShouldEndWith("\"b\": \"firectl\"}'");
        lines.Select(Expected).ShouldBe([0, 0, 3]);
    }

    private static async Task RunAsync(Sandbox sandbox, StokerServerProcess server, IEnumerable<string> lines)
    {
        // An HTTP error is an exit status, as for firectl.
        await File.WriteAllTextAsync(Path.Combine(sandbox.Home, ".curlrc"), "fail-with-body\nsilent\nshow-error\n", TestContext.Current.CancellationToken);
        var environment = new Dictionary<string, string>
        {
            ["PATH"] = $"{AppContext.BaseDirectory}:{Environment.GetEnvironmentVariable("PATH")}",
            ["URL"] = server.Url.GetLeftPart(UriPartial.Authority),
            ["KEY"] = server.Key,
        };
        foreach (var line in lines)
        {
            await using var shell = ProgramProcess.Start(sandbox, "/bin/bash", ["-c", line], environment);
            var exit = await shell.ExitAsync();
            exit.ShouldBe(Expected(line), $"{line}\n{shell.Output}\n{server.Output}");
            foreach (var said in Said(line)) shell.Output.ShouldContain(said, customMessage: line);
        }
    }

    /// <summary>What the page says of certain lines.</summary>
    private static IEnumerable<string> Said(string line) => line switch
    {
        "firectl get deployment my-llama" => ["Emulated: true", "Accelerator Type: NVIDIA_A100_80GB"],
        "firectl get deployment waits" => ["Stockout: 1 of 1 replicas wait for capacity: each needs 1 NVIDIA_H100_80GB in AP_TOKYO_1", "Stockout:"],
        "firectl deploy story-3m-lora-zog --wait" => ["State: DEPLOYED", "Serverless: true"],
        "firectl list models -a fireworks --filter 'supports_serverless=true'" => ["accounts/fireworks/models/story-3m"],
        _ when line.Contains("\"accounts/fireworks/models/story-3m-lora-zog\", \"prompt\"", StringComparison.Ordinal) => ["Zog"],
        _ when line.Contains("two-cards", StringComparison.Ordinal) => ["less than 2 times", "is emulated here"],
        _ when line.StartsWith("firectl list regions", StringComparison.Ordinal) => ["EMULATED", "EU_FRANKFURT_1"],
        _ when line.Contains("--deployment-id large", StringComparison.Ordinal) => ["Accelerator Count: 4"],
        _ => [],
    };

    private static int Expected(string line) =>
        ExitStatus().Match(line) is { Success: true } match ? int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture) : 0;

    /// <summary>The lines of indented blocks that begin with firectl or curl, each with its continuations.</summary>
    private static List<string> Commands(string page)
    {
        var (commands, open) = (new List<string>(), "");
        foreach (var raw in page.Split('\n').Where(line => line.StartsWith("    ", StringComparison.Ordinal)))
        {
            var line = raw[4..];
            if (open.Length == 0 && !line.StartsWith("firectl ", StringComparison.Ordinal) && !line.StartsWith("curl ", StringComparison.Ordinal)) continue;
            open += (open.Length == 0 ? "" : "\n") + line;
            if (open.EndsWith('\\') || open.Count(letter => letter == '\'') % 2 == 1) continue;
            commands.Add(open);
            open = "";
        }

        return commands;
    }

    [GeneratedRegex(@"# exit status (\d+)$")]
    private static partial Regex ExitStatus();
}
