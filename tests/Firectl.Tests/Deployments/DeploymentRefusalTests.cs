using System.Net;

namespace Firectl.Tests.Deployments;

/// <summary>What people do wrong, or break off, and what they are told then.</summary>
public class DeploymentRefusalTests
{
    private const string Creating = """{"name":"accounts/team/deployments/d","state":"CREATING"}""";

    [Fact]
    public async Task Ctrl_C_in_a_wait_says_that_the_deployment_goes_on()
    {
        using var run = new FirectlRun()
            .Answer("POST /v1/accounts/team/deployments", Creating)
            .Answer("GET /v1/accounts/team/deployments/d", Creating);
        using var signal = new CancellationTokenSource();
        var running = run.RunAsync(signal.Token, "create deployment m -a team --wait".Split(' '));
        await signal.CancelAsync();
        (await running).ShouldBe(130);
        run.Errors.ShouldContain("accounts/team/deployments/d goes on without being waited for");
    }

    [Fact]
    public async Task A_file_of_a_wrong_form_is_refused_in_our_words()
    {
        using var run = new FirectlRun();
        run.WriteFile("d.json", "{\"minReplicaCount\": 1,\n \"autoscalingPolicy\": {\"scaleUpWindow\": 30}}");
        (await run.RunAsync("create", "deployment", "m", "-a", "team", "--file", Path.Combine(run.Home, "d.json"))).ShouldBe(2);
        run.Errors.ShouldContain("--file d.json: autoscalingPolicy.scaleUpWindow has a value out of range or of a wrong form, at line 2");
    }

    [Theory]
    [InlineData("enable-mtp", "(not available yet)")]
    [InlineData("enable-session-affinity", "(not available yet)")]
    [InlineData("direct-route-type", "(not available yet)")]
    [InlineData("direct-route-api-keys", "(not available yet)")]
    [InlineData("deployment-shape", "(not available yet)")]
    [InlineData("deployment-template", "(not available yet)")]
    [InlineData("cluster-id", "(not available yet)")]
    [InlineData("max-with-revocable-replica-count", "(not available yet)")]
    [InlineData("expire-time", "(not available)")]
    [InlineData("precision", "or INT8 on CPU")]
    [InlineData("max-loaded-addons", "(default 16, and 0 means that too)")]
    public async Task The_help_of_a_flag_says_what_it_can_do_today(string flag, string said)
    {
        using var run = new FirectlRun();
        (await run.RunAsync("create deployment --help")).ShouldBe(0, run.Errors);
        var words = string.Join(' ', run.Output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        words.Split(" --").Single(item => item.StartsWith($"{flag} ", StringComparison.Ordinal)).ShouldContain(said);
    }

    [Fact]
    public async Task What_a_wire_calls_by_small_letters_is_a_label_too()
    {
        using var run = new FirectlRun().Answer(
            "GET /v1/accounts/team/deployments/d",
            """{"name":"accounts/team/deployments/d","autoscalingPolicy":{"loadTargets":{"requests_per_second":3}},"stokerHold":{"timeout":"120s"}}""");
        (await run.RunAsync("get deployment d -a team")).ShouldBe(0);
        run.Output.ShouldContain("    Requests Per Second: 3");
        run.Output.ShouldContain("  Timeout: 2m0s");
    }

    [Theory]
    [InlineData("get deployment d -a team", "GET /v1/accounts/team/deployments/d", "deployment \\\"accounts/team/deployments/d\\\" not found", "See: firectl list deployments -a team")]
    [InlineData("create deployment m -a team", "POST /v1/accounts/team/deployments", "model \\\"m\\\" not found", "See: firectl list models, firectl list models -a fireworks")]
    [InlineData("get model m -a team", "GET /v1/accounts/team/models/m", "model \\\"accounts/team/models/m\\\" not found", "See: firectl list models -a team; if the library's was meant: accounts/fireworks/models/m")]
    [InlineData("prepare-model m -a team --precision FP8", "POST /v1/accounts/team/models/m:prepare", "model \\\"accounts/team/models/m\\\" not found", "See: firectl list models -a team; if the library's was meant: accounts/fireworks/models/m")]
    [InlineData("get model accounts/fireworks/models/m -a team", "GET /v1/accounts/fireworks/models/m", "model \\\"accounts/fireworks/models/m\\\" not found", "See: firectl list models -a fireworks")]
    [InlineData("get reservation r -a team", "GET /v1/accounts/team/reservations/r", "reservation \\\"accounts/team/reservations/r\\\" not found", "See: firectl list reservations -a team")]
    public async Task What_is_not_there_leads_to_what_is(string commandLine, string path, string message, string hint)
    {
        using var run = new FirectlRun().Answer(path, $$"""{"code":5,"message":"{{message}}","details":[]}""", HttpStatusCode.NotFound);
        (await run.RunAsync(commandLine)).ShouldBe(3);
        run.Errors.TrimEnd().ShouldEndWith(hint);
    }
}
