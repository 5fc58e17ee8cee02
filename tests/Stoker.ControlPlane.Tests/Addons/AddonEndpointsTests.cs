using System.Net.Http.Json;
using Stoker.Api;
using Stoker.ControlPlane.Addons;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Tests.Deployments;
using Stoker.ControlPlane.Tests.Models;

namespace Stoker.ControlPlane.Tests.Addons;

/// <summary>Over HTTP, with both loops running and replicas that are ready at once.</summary>
public sealed class AddonEndpointsTests : IAsyncLifetime
{
    private const string Base = "accounts/fireworks/models/story-3m", Zog = "accounts/fireworks/models/zog";

    private DeploymentsHost _host = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _host = await DeploymentsHost.StartAsync(
            app =>
            {
                app.MapDeployments();
                app.MapAddons();
            },
            services => services.AddAddons(),
            models:
            [
                (Base, ModelKind.HfBaseModel, new() { Kind = "HF_BASE_MODEL", Public = true }),
                (Zog, ModelKind.HfPeftAddon, new() { Kind = "HF_PEFT_ADDON", Public = true, PeftDetails = new() { BaseModel = Base, R = 8, TargetModules = ["q_proj"] } }),
            ]);
        (await _host.Admin.Post($"/v1/{_host.Account}/deployments?deploymentId=d", """{"baseModel":"story-3m","enableAddons":true,"minReplicaCount":1}""")).ShouldBe(200);
        await UntilAsync($"deployments/d", ApiJson.Default.DeploymentResource, deployment => deployment.State == "READY");
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task A_deployed_model_lives_over_http()
    {
        var created = (await _host.Admin.Post(Path(), """{"model":"zog","deployment":"d","displayName":"Zog"}""")).ShouldBe(200).Json;
        var name = (string)created["name"]!;
        name.ShouldStartWith($"{_host.Account}/deployedModels/zog-");
        ((string?)created["model"], (string?)created["deployment"], (string?)created["displayName"]).ShouldBe((Zog, $"{_host.Account}/deployments/d", "Zog"));
        var id = name.Split('/')[^1];
        var deployed = await UntilAsync($"deployedModels/{id}", ApiJson.Default.DeployedModelResource, row => row.State == "DEPLOYED");
        deployed.Status.ShouldBeNull();
        _host.Runtime.AddonsOf(_host.Runtime.Running.Single().Id).ShouldBe([$"{Zog}@digest"]);

        var filter = Uri.EscapeDataString($"model=\"{Zog}\" AND deployment=\"{_host.Account}/deployments/d\"");
        var list = (await _host.Admin.Get(Path($"?filter={filter}"))).ShouldBe(200).Json;
        ((int)list["totalSize"]!, (string?)list["deployedModels"]![0]!["name"]).ShouldBe((1, name));
        ((int)(await _host.Admin.Get(Path("?filter=state=\"FAILED\""))).ShouldBe(200).Json["totalSize"]!).ShouldBe(0);
        (await _host.Admin.Patch(Path($"/{id}?updateMask=public"), """{"public":true}""")).ShouldBe(200).Text.ShouldContain("\"public\":true");
        (await _host.Admin.Get(Path($"/{id}?readMask=state"))).ShouldBe(200).Text.ShouldBe("{\"state\":\"DEPLOYED\"}");

        (await _host.Admin.Delete(Path($"/{id}"))).ShouldBe(200).Text.ShouldBe("{}");
        while ((await _host.Admin.Get(Path($"/{id}"))).Status != 404) await Task.Yield();
        _host.Runtime.AddonsOf(_host.Runtime.Running.Single().Id).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("POST", "", """{"model":"zog"}""", 400, "deployment is required")]
    [InlineData("POST", "", """{"model":"zog","deployment":"d","rank":8}""", 400, "rank")]
    [InlineData("POST", "?replaceMergedAddon=true", """{"model":"zog","deployment":"d"}""", 501, "replaceMergedAddon")]
    [InlineData("POST", "?replaceMergedAddon=perhaps", """{"model":"zog","deployment":"d"}""", 400, "replaceMergedAddon")]
    [InlineData("POST", "?force=true", """{"model":"zog","deployment":"d"}""", 400, "'force' is not known here")]
    [InlineData("POST", "", """{"model":"zog","deployment":"d","serverless":true}""", 400, "serverless")]
    [InlineData("GET", "/nobody", null, 404, "deployedModels/nobody")]
    [InlineData("GET", "/NO BODY", null, 404, "not found")]
    [InlineData("PATCH", "/nobody", "{}", 404, "deployedModels/nobody")]
    [InlineData("DELETE", "/nobody", null, 404, "deployedModels/nobody")]
    [InlineData("DELETE", "/nobody?force=true", null, 400, "force")]
    [InlineData("GET", "?filter=colour=1", null, 400, "colour")]
    public async Task What_is_wrong_is_refused_by_name(string method, string path, string? body, int status, string reason) =>
        (await _host.Admin.Send(new(method), Path(path), body)).ShouldBe(status).Text.ShouldContain(reason);

    [Fact]
    public async Task Others_learn_nothing() =>
        (await _host.Admin.Send(HttpMethod.Get, "/v1/accounts/nobody/deployedModels")).ShouldBe(404);

    private string Path(string rest = "") => $"/v1/{_host.Account}/deployedModels{rest}";

    /// <summary>Asks until it is so; the test's own time limit ends it otherwise.</summary>
    private async Task<T> UntilAsync<T>(string path, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> json, Func<T, bool> wanted)
        where T : class
    {
        while (true)
        {
            var seen = (await _host.Admin.GetFromJsonAsync($"/v1/{_host.Account}/{path}", json, Cancellation)).ShouldNotBeNull();
            if (wanted(seen)) return seen;
            await Task.Yield();
        }
    }
}
