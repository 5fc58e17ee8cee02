using System.Text.Json.Nodes;

namespace Firectl.Tests.Simulating;

public sealed class SimulateVerbTests : IDisposable
{
    private readonly FirectlRun _run = new();

    public SimulateVerbTests() => _run.WriteFile("own.csv", "seconds,prompt_tokens,generated_tokens\n0,800,5\n1,800,5\n400,800,5\n1000,800,5\n");

    public void Dispose() => _run.Dispose();

    [Fact]
    public async Task A_file_of_ones_own_is_replayed_without_a_server()
    {
        (await Simulate("-o json --min-replica-count 1 --warm-up 0s")).ShouldBe(0, _run.Errors);
        var answer = JsonNode.Parse(_run.Output)!;
        ((int)answer["requests"]!, (double)answer["span_seconds"]!).ShouldBe((4, 1000.0));
        var only = answer["policies"]!.AsArray().ShouldHaveSingleItem()!;
        ((string)only["policy"]!).ShouldBe("windows 30s/10m0s at default=0.8");
        ((int)only["answered_once"]!, (int)only["cold_starts"]!).ShouldBe((4, 0));
        ((double)only["replica_hours"]!).ShouldBe(1000 / 3600.0, 1e-9);
        ((double)only["wait_seconds"]!["longest"]!).ShouldBe(0);
        ((double)only["first_token_seconds"]!["mean"]!).ShouldBe(0.18, 1e-6);
        _run.Sent.ShouldBeEmpty();
    }

    [Fact]
    public async Task Text_says_the_same_as_a_table()
    {
        (await Simulate("--min-replica-count 1")).ShouldBe(0, _run.Errors);
        var lines = _run.Output.Split('\n');
        lines[0].ShouldBe("own.csv: 4 requests in 0.28 h, a mean load of 0.0 requests");
        lines[3].ShouldStartWith("POLICY");
        lines[4].ShouldStartWith("windows 30s/10m0s at default=0.8");
        lines[4].ShouldContain("100.00 %");
    }

    [Fact]
    public async Task A_comparison_has_a_row_for_each_window_and_policy()
    {
        (await Simulate("--compare -o json")).ShouldBe(0, _run.Errors);
        var rows = JsonNode.Parse(_run.Output)!["policies"]!.AsArray().Select(row => (string)row!["policy"]!).ToList();
        rows[0].ShouldBe("windows 30s/10m0s/1h0m0s at default=0.8");
        rows.ShouldContain("windows 30s/10m0s/5m0s at default=0.8");
        rows[^2].ShouldBe("in the manner of Knative, at 70 %");
        rows[^1].ShouldBe("constant fleet of 1, chosen in hindsight");
    }

    [Theory]
    [InlineData("--policy constant --replica-count 2", 2)]
    [InlineData("--policy knative --min-replica-count 1", 1)]
    [InlineData("--policy auto --min-replica-count 1", 1)]
    [InlineData("--min-replica-count 3", 3)]
    [InlineData("--scale-to-zero-window 5m --cold-start 10s", null)]
    public async Task A_flag_that_is_given_is_obeyed(string flags, int? always)
    {
        (await Simulate($"-o json {flags}")).ShouldBe(0, _run.Errors);
        var row = JsonNode.Parse(_run.Output)!["policies"]![0]!;
        if (always is { } count) ((double)row["always_on_share"]!).ShouldBe(count, 1e-9);
        else ((int)row["wakes"]!).ShouldBe(2); // idle for five minutes twice
    }

    [Theory]
    [InlineData("--scale-to-zero-window 4m", "scale_to_zero_window")]
    [InlineData("--scale-up-window 2h", "scale_up_window")]
    [InlineData("--min-replica-count 3 --max-replica-count 2", "max_replica_count")]
    [InlineData("--load-targets nonsense=1", "nonsense")]
    [InlineData("--scale-up-window soon", "--scale-up-window takes")]
    [InlineData("--policy auto --scale-up-window 30s", "--scale-up-window means nothing with --policy auto")]
    [InlineData("--policy auto --scale-down-window 10m", "--scale-down-window means nothing with --policy auto")]
    [InlineData("--policy best", "best")]
    [InlineData("--policy constant", "--replica-count from 1")]
    [InlineData("--replica-count 2", "--replica-count means nothing without --policy constant")]
    [InlineData("--policy knative --scale-up-window 30s", "--scale-up-window means nothing with --policy knative")]
    [InlineData("--policy constant --replica-count 1 --max-replica-count 2", "--max-replica-count means nothing")]
    [InlineData("--compare --policy knative", "--policy means nothing with --compare")]
    [InlineData("--slots 0", "--slots must be from 1")]
    [InlineData("--prefill-rate 0", "--prefill-rate must be from 0.001")]
    [InlineData("--decode-rate NaN", "--decode-rate must be from 0.001")]
    [InlineData("--decode-rate fast", "as a number")]
    [InlineData("--tick 1500ms", "--tick must be whole seconds")]
    [InlineData("--copies 0", "--copies must be from 1")]
    [InlineData("--jitter 2h", "--jitter must be from 0s")]
    [InlineData("--client L1", "leave out the client")]
    [InlineData("--prefix-cache-tokens 1000", "--prefix-cache-tokens means nothing for own.csv")]
    public async Task What_cannot_be_is_refused_with_its_name(string flags, string message)
    {
        (await Simulate(flags)).ShouldBe(2);
        _run.Errors.ShouldContain(message);
        _run.Output.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_malformed_line_is_refused_with_its_number()
    {
        _run.WriteFile("own.csv", "seconds,prompt_tokens,generated_tokens\n0,800,5\n1,800\n");
        (await Simulate("")).ShouldBe(2);
        _run.Errors.ShouldBe("Error: own.csv line 3: expected 3 values (seconds,prompt_tokens,generated_tokens), got 2\n");
    }

    [Fact]
    public async Task A_trace_that_is_not_there_is_refused_with_those_that_are()
    {
        (await _run.RunAsync("simulate azure")).ShouldBe(3);
        _run.Errors.ShouldContain("bundled are azure-conv");
    }

    private Task<int> Simulate(string flags) =>
        _run.RunAsync(["simulate", Path.Combine(_run.Home, "own.csv"), .. flags.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);
}
