using System.Net;
using System.Text.Json.Nodes;

namespace Firectl.Tests.Addons;

public class DeployedModelVerbsTests
{
    private const string Name = "accounts/team/deployedModels/zog-0123abcd";

    [Theory]
    [InlineData("deploy zog --deployment d -a team")]
    [InlineData("load-lora zog --deployment accounts/team/deployments/d -a team")]
    [InlineData("model load-lora zog --deployment d -a team")]
    public async Task An_addon_is_loaded_by_every_spelling(string commandLine)
    {
        using var run = new FirectlRun().Answer("POST /v1/accounts/team/deployedModels", Deployed("DEPLOYING"));
        (await run.RunAsync(commandLine)).ShouldBe(0, run.Errors);
        JsonNode.DeepEquals(JsonNode.Parse(run.Sent[^1].Body), JsonNode.Parse("""{"model":"zog","deployment":"accounts/team/deployments/d"}""")).ShouldBeTrue(run.Sent[^1].Body);
        run.Output.ShouldContain("State: DEPLOYING");
        run.Errors.ShouldContain("accounts/team/models/zog#accounts/team/deployments/d, or by its own name alone");
    }

    [Fact]
    public async Task Flags_go_to_the_server()
    {
        using var run = new FirectlRun().Answer("POST /v1/accounts/team/deployedModels?replaceMergedAddon=true", Deployed("DEPLOYING"));
        (await run.RunAsync("deploy zog --deployment d -a team --public --replace-merged-addon")).ShouldBe(0, run.Errors);
        run.Sent[^1].Body.ShouldContain("\"public\":true");
    }

    [Fact]
    public async Task Waiting_ends_with_the_state_or_with_the_reason()
    {
        using var good = new FirectlRun().Answer("POST /v1/accounts/team/deployedModels", Deployed("DEPLOYING")).Answer($"GET /v1/{Name}", Deployed("DEPLOYED"));
        (await good.RunAsync("deploy zog --deployment d -a team --wait")).ShouldBe(0, good.Errors);
        good.Output.ShouldContain("State: DEPLOYED");

        using var bad = new FirectlRun().Answer("POST /v1/accounts/team/deployedModels", Deployed("DEPLOYING")).Answer($"GET /v1/{Name}", Deployed("FAILED", "cut off"));
        (await bad.RunAsync("deploy zog --deployment d -a team --wait")).ShouldNotBe(0);
        bad.Errors.ShouldContain("is FAILED, not DEPLOYED: cut off");
    }

    [Theory]
    [InlineData("deploy zog -a team")]
    [InlineData("deploy zog --serverless -a team")]
    public async Task A_load_without_a_deployment_goes_to_the_serverless_tier(string commandLine)
    {
        var shown = Deployed("DEPLOYED").Replace("\"state\"", "\"serverless\":true,\"state\"", StringComparison.Ordinal);
        using var run = new FirectlRun().Answer("POST /v1/accounts/team/deployedModels", shown);
        (await run.RunAsync(commandLine)).ShouldBe(0, run.Errors);
        JsonNode.DeepEquals(JsonNode.Parse(run.Sent[^1].Body), JsonNode.Parse("""{"model":"zog","serverless":true}""")).ShouldBeTrue(run.Sent[^1].Body);
        run.Errors.ShouldContain("requests name it accounts/team/models/zog;");
    }

    [Fact]
    public async Task Two_places_at_once_are_refused()
    {
        using var run = new FirectlRun();
        (await run.RunAsync("deploy zog --deployment d --serverless -a team")).ShouldNotBe(0);
        run.Errors.ShouldContain("--serverless and --deployment name two places");
        run.Sent.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("undeploy zog --deployment d -a team", "model=\"accounts/team/models/zog\" AND deployment=\"accounts/team/deployments/d\"")]
    [InlineData("undeploy zog --deployment accounts/fireworks/deployments/story-3m -a team", "model=\"accounts/team/models/zog\" AND deployment=\"accounts/fireworks/deployments/story-3m\"")]
    [InlineData("undeploy zog -a team", "model=\"accounts/fireworks/models/zog\"")] // none of one's own
    [InlineData("unload-lora accounts/team/models/zog -a team", "model=\"accounts/team/models/zog\"")]
    public async Task An_addon_is_unloaded_where_it_is(string commandLine, string filter)
    {
        using var run = new FirectlRun();
        if (filter.Contains("fireworks/models")) run.Answer($"GET /v1/accounts/team/deployedModels?filter={Uri.EscapeDataString("model=\"accounts/team/models/zog\"")}", """{"deployedModels":[],"totalSize":0}""");
        run
            .Answer($"GET /v1/accounts/team/deployedModels?filter={Uri.EscapeDataString(filter)}", $$"""{"deployedModels":[{{Deployed("DEPLOYED")}}],"totalSize":1}""")
            .Answer($"DELETE /v1/{Name}", "{}")
            .Answer($"GET /v1/{Name}", """{"code":5,"message":"gone","details":[]}""", HttpStatusCode.NotFound);
        (await run.RunAsync(commandLine + " --wait")).ShouldBe(0, run.Errors);
        run.Errors.ShouldContain($"Undeployed {Name}");
    }

    [Theory]
    [InlineData("[]", "zog is not deployed; see: firectl list deployed-models")]
    [InlineData("""[{"deployment":"d1"},{"deployment":"d2"}]""", "is on several deployments, say which one (--deployment): d1, d2")]
    public async Task What_is_nowhere_or_in_several_places_is_told(string found, string words)
    {
        using var run = new FirectlRun();
        foreach (var owner in (string[])["team", "fireworks"])
        {
            var filter = Uri.EscapeDataString($"model=\"accounts/{owner}/models/zog\"");
            run.Answer($"GET /v1/accounts/team/deployedModels?filter={filter}", $$"""{"deployedModels":{{found}},"totalSize":0}""");
        }

        (await run.RunAsync("undeploy zog -a team")).ShouldNotBe(0);
        run.Errors.ShouldContain(words);
    }

    [Fact]
    public async Task They_are_listed_shown_and_changed()
    {
        using var run = new FirectlRun()
            .Answer("GET /v1/accounts/team/deployedModels?pageSize=50", $$"""{"deployedModels":[{{Deployed("DEPLOYED")}}],"totalSize":1}""")
            .Answer($"GET /v1/{Name}", Deployed("DEPLOYED"))
            .Answer($"PATCH /v1/{Name}?updateMask=default%2Cpublic", Deployed("DEPLOYED"));
        (await run.RunAsync("list deployed-models -a team")).ShouldBe(0, run.Errors);
        run.Output.ShouldContain("NAME");
        run.Output.ShouldContain(Name);
        (await run.RunAsync("get deployed-model zog-0123abcd -a team")).ShouldBe(0, run.Errors);
        (await run.RunAsync("deployed-model update zog-0123abcd --default --public=false -a team")).ShouldBe(0, run.Errors);
        run.Sent[^1].Body.ShouldBe("""{"default":true,"public":false}""");
        (await run.RunAsync("update deployed-model zog-0123abcd -a team")).ShouldNotBe(0);
        run.Errors.ShouldContain("nothing to change");
    }

    private static string Deployed(string state, string? why = null) =>
        $$"""{"name":"{{Name}}","model":"accounts/team/models/zog","deployment":"accounts/team/deployments/d","default":true,"state":"{{state}}"{{(why is null ? "" : $$""","status":{"code":"FAILED_PRECONDITION","message":"{{why}}"}""")}}}""";
}
