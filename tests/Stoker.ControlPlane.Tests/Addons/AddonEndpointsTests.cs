using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Stoker.Api;
using Stoker.Api.Names;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Addons;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Models;
using Stoker.ControlPlane.Tests.Runtimes;
using Stoker.ControlPlane.Tests.Storage;

namespace Stoker.ControlPlane.Tests.Addons;

/// <summary>Over HTTP, with both loops running and replicas that are ready at once.</summary>
public sealed class AddonEndpointsTests : IAsyncLifetime
{
    private const string Base = "accounts/fireworks/models/story-3m", Zog = "accounts/fireworks/models/zog";

    private readonly StoreFile _file = new();
    private readonly FakeRuntime _runtime = new(TimeProvider.System) { Boot = TimeSpan.Zero, Drain = TimeSpan.Zero };
    private WebApplication _app = null!;
    private HttpClient _client = null!;
    private string _account = "";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.AddInMemoryCollection([new("Stoker:Storage:DataDirectory", _file.Data.Root), new("Stoker:Capacity:Pinned", "false")]);
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddSingleton<IReplicaRuntime>(_runtime);
        builder.Services.AddStorage().AddAccounts().AddDeployments().AddAddons().AddSingleton<ModelStore>().AddSingleton<ModelNames>();
        _app = builder.Build();
        _app.MapDeployments();
        _app.MapAddons();
        await AddModelAsync(Base, ModelKind.HfBaseModel, new() { Kind = "HF_BASE_MODEL", Public = true });
        await AddModelAsync(Zog, ModelKind.HfPeftAddon, new() { Kind = "HF_PEFT_ADDON", Public = true, PeftDetails = new() { BaseModel = Base, R = 8, TargetModules = ["q_proj"] } });
        await _app.StartAsync(Cancellation);
        var key = (await File.ReadAllTextAsync(_file.Data.AdminKey, Cancellation)).Trim();
        _client = new() { BaseAddress = new(_app.Urls.Single()), DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", key) } };
        var accounts = await _app.Services.GetRequiredService<IResourceStore>().ListAsync("accounts", parent: null, Cancellation);
        _account = accounts.Items.Select(item => item.Key.Name).Single(name => name != "accounts/fireworks");
        (await _client.Post($"/v1/{_account}/deployments?deploymentId=d", """{"baseModel":"story-3m","enableAddons":true,"minReplicaCount":1}""")).ShouldBe(200);
        await UntilAsync($"deployments/d", ApiJson.Default.DeploymentResource, deployment => deployment.State == "READY");
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _app.DisposeAsync();
        _file.Dispose();
    }

    [Fact]
    public async Task A_deployed_model_lives_over_http()
    {
        var created = (await _client.Post(Path(), """{"model":"zog","deployment":"d","displayName":"Zog"}""")).ShouldBe(200).Json;
        var name = (string)created["name"]!;
        name.ShouldStartWith($"{_account}/deployedModels/zog-");
        ((string?)created["model"], (string?)created["deployment"], (string?)created["displayName"]).ShouldBe((Zog, $"{_account}/deployments/d", "Zog"));
        var id = name.Split('/')[^1];
        var deployed = await UntilAsync($"deployedModels/{id}", ApiJson.Default.DeployedModelResource, row => row.State == "DEPLOYED");
        deployed.Status.ShouldBeNull();
        _runtime.AddonsOf(_runtime.Running.Single().Id).ShouldBe([$"{Zog}@digest"]);

        var filter = Uri.EscapeDataString($"model=\"{Zog}\" AND deployment=\"{_account}/deployments/d\"");
        var list = (await _client.Get(Path($"?filter={filter}"))).ShouldBe(200).Json;
        ((int)list["totalSize"]!, (string?)list["deployedModels"]![0]!["name"]).ShouldBe((1, name));
        ((int)(await _client.Get(Path("?filter=state=\"FAILED\""))).ShouldBe(200).Json["totalSize"]!).ShouldBe(0);
        (await _client.Patch(Path($"/{id}?updateMask=public"), """{"public":true}""")).ShouldBe(200).Text.ShouldContain("\"public\":true");
        (await _client.Get(Path($"/{id}?readMask=state"))).ShouldBe(200).Text.ShouldBe("{\"state\":\"DEPLOYED\"}");

        (await _client.Delete(Path($"/{id}"))).ShouldBe(200).Text.ShouldBe("{}");
        while ((await _client.Get(Path($"/{id}"))).Status != 404) await Task.Yield();
        _runtime.AddonsOf(_runtime.Running.Single().Id).ShouldBeEmpty();
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
        (await _client.Send(new(method), Path(path), body)).ShouldBe(status).Text.ShouldContain(reason);

    [Fact]
    public async Task Others_learn_nothing() =>
        (await _client.Send(HttpMethod.Get, "/v1/accounts/nobody/deployedModels")).ShouldBe(404);

    private string Path(string rest = "") => $"/v1/{_account}/deployedModels{rest}";

    private async Task AddModelAsync(string name, ModelKind kind, ModelResource spec)
    {
        var inspection = new ModelInspection(kind, "llama", 1024, 3_000_000, 6_000_000, false, true, false, true, [Precision.Bf16], new Dictionary<string, double>(), null, []);
        var status = ModelStatus.Empty(null) with { State = ModelState.Ready, Folder = "/models/x", Inspection = inspection, FilesDigest = "digest" };
        (await _app.Services.GetRequiredService<ModelStore>().Rows.CreateAsync(ModelName.Parse(name), spec, status, Cancellation)).Problem.ShouldBeNull();
    }

    /// <summary>Asks until it is so; the test's own time limit ends it otherwise.</summary>
    private async Task<T> UntilAsync<T>(string path, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> json, Func<T, bool> wanted)
        where T : class
    {
        while (true)
        {
            var seen = (await _client.GetFromJsonAsync($"/v1/{_account}/{path}", json, Cancellation)).ShouldNotBeNull();
            if (wanted(seen)) return seen;
            await Task.Yield();
        }
    }
}
