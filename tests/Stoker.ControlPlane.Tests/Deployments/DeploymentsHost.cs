using System.Net;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Stoker.Api.Names;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Runtimes;
using Stoker.ControlPlane.Tests.Storage;

namespace Stoker.ControlPlane.Tests.Deployments;

/// <summary>Deployments over HTTP on a store of their own, with the loop running and replicas that are ready at once.</summary>
internal sealed class DeploymentsHost : IAsyncDisposable
{
    private readonly StoreFile _file = new();
    private WebApplication _app = null!;

    private DeploymentsHost()
    {
    }

    public IServiceProvider Services => _app.Services;

    public FakeRuntime Runtime { get; } = new(TimeProvider.System) { Boot = TimeSpan.Zero, Drain = TimeSpan.Zero };

    /// <summary>The account that the first start made, and its admin's client, who is the operator too.</summary>
    public string Account { get; private set; } = "";

    public HttpClient Admin { get; private set; } = null!;

    /// <param name="map">What is served.</param>
    /// <param name="add">More services.</param>
    /// <param name="settings">More settings.</param>
    /// <param name="models">What is there before the first loop looks.</param>
    public static async Task<DeploymentsHost> StartAsync(
        Action<WebApplication> map, Action<IServiceCollection>? add = null, IReadOnlyDictionary<string, string?>? settings = null, params (string Name, ModelKind Kind, ModelResource Spec)[] models)
    {
        var (host, builder) = (new DeploymentsHost(), WebApplication.CreateSlimBuilder());
        builder.Configuration.AddInMemoryCollection(
            [new("Stoker:Storage:DataDirectory", host._file.Data.Root), new("Stoker:Capacity:Pinned", "false"), .. settings ?? new Dictionary<string, string?>()]);
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddSingleton<IReplicaRuntime>(host.Runtime);
        builder.Services.AddStorage().AddAccounts().AddDeployments().AddSingleton<ModelStore>().AddSingleton<ModelNames>();
        add?.Invoke(builder.Services);
        host._app = builder.Build();
        map(host._app);
        foreach (var (name, kind, spec) in models) await host.AddModelAsync(name, kind, spec);
        await host._app.StartAsync();
        host.Admin = host.Client((await File.ReadAllTextAsync(host._file.Data.AdminKey)).Trim());
        var accounts = await host.Services.GetRequiredService<IResourceStore>().ListAsync("accounts", parent: null, default);
        host.Account = accounts.Items.Select(item => item.Key.Name).Single(name => name != "accounts/fireworks");
        return host;
    }

    public HttpClient Client(string key) =>
        new() { BaseAddress = new(_app.Urls.Single()), DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", key) } };

    public async ValueTask DisposeAsync()
    {
        Admin.Dispose();
        await _app.DisposeAsync();
        _file.Dispose();
    }

    private async Task AddModelAsync(string name, ModelKind kind, ModelResource spec)
    {
        var inspection = new ModelInspection(kind, "llama", 1024, 3_000_000, 6_000_000, false, true, false, true, [Precision.Bf16], new Dictionary<string, double>(), null, []);
        var status = ModelStatus.Empty(null) with { State = ModelState.Ready, Folder = "/models/x", Inspection = inspection, FilesDigest = "digest" };
        (await Services.GetRequiredService<ModelStore>().Rows.CreateAsync(ModelName.Parse(name), spec, status, default)).Problem.ShouldBeNull();
    }
}
