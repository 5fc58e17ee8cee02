using System.Net.Http.Headers;
using System.Net.Http.Json;
using Stoker.Api;
using Stoker.Api.Resources;

namespace Stoker.EndToEnd.Tests.Harness;

/// <summary><c>stoker serve</c> as a real process on a free port, and a client that holds its admin key.</summary>
internal sealed class StokerServerProcess : IAsyncDisposable
{
    private readonly ProgramProcess _program;

    private StokerServerProcess(ProgramProcess program, Uri url, string key)
    {
        (_program, Url, Key) = (program, url, key);
        Http = new HttpClient { BaseAddress = url };
        Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
    }

    public Uri Url { get; }

    public string Key { get; }

    public HttpClient Http { get; }

    public int ProcessId => _program.Id;

    public string Output => _program.Output;

    /// <param name="options">Options as the environment spells them: <c>Stoker__Capacity__Pinned</c>.</param>
    public static Task<StokerServerProcess> StartAsync(
        Sandbox sandbox, IReadOnlyDictionary<string, string>? options = null, params string[] arguments) =>
        StartOnAsync(new("http://127.0.0.1:0"), sandbox, options, arguments);

    /// <summary>On an address of the caller's choice, such as that of a server which is ending.</summary>
    public static Task<StokerServerProcess> StartOnAsync(
        Uri url, Sandbox sandbox, IReadOnlyDictionary<string, string>? options, params string[] arguments) =>
        StartAsync(sandbox, "stoker", ["serve", "--url", url.GetLeftPart(UriPartial.Authority), "--data", sandbox.Data, .. arguments], options);

    /// <summary>
    /// Told by the system's error, and not by its death, that a file may not grow beyond <see cref="FileSizeLimit"/>.
    /// </summary>
    public static Task<StokerServerProcess> StartLimitedAsync(Sandbox sandbox, IReadOnlyDictionary<string, string>? options) => StartAsync(
        sandbox,
        "/bin/sh",
        ["-c", "trap '' XFSZ; exec \"$@\"", "sh", Path.Combine(AppContext.BaseDirectory, "stoker"), "serve", "--url", "http://127.0.0.1:0", "--data", sandbox.Data],
        options);

    private static async Task<StokerServerProcess> StartAsync(
        Sandbox sandbox, string command, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? options)
    {
        var environment = new Dictionary<string, string>(options ?? new Dictionary<string, string>());
        environment.TryAdd("Stoker__Capacity__Pinned", "false"); // tests share the cores with other tests
        var program = ProgramProcess.Start(sandbox, command, arguments, environment);
        var line = await program.LineAsync("Stoker listens on ");
        var key = await File.ReadAllTextAsync(sandbox.AdminKeyFile);
        return new StokerServerProcess(program, new Uri(line.Split(' ')[^1]), key.Trim());
    }

    /// <summary>Creates a deployment and waits until it is READY with a ready replica.</summary>
    public async Task<DeploymentResource> DeployAsync(string id, string model = "accounts/fireworks/models/story-3m")
    {
        using var created = await Http.PostAsJsonAsync(
            $"v1/accounts/default/deployments?deploymentId={id}", new DeploymentResource { BaseModel = model }, ApiJson.Default.DeploymentResource);
        created.IsSuccessStatusCode.ShouldBeTrue(await created.Content.ReadAsStringAsync());
        return await ReadyAsync(id);
    }

    /// <summary>Waits until a deployment is READY and a replica of it answers.</summary>
    public Task<DeploymentResource> ReadyAsync(string id) => Patience.UntilAsync(
        () => GetAsync(id),
        deployment => deployment.State == "FAILED"
            ? throw new InvalidOperationException($"{id} failed: {deployment.Status?.Message}\n{Output}")
            : deployment is { State: "READY", ReplicaStats.ReadyReplicaCount: > 0 },
        $"{id} READY");

    public async Task<DeploymentResource> GetAsync(string id) =>
        (await Http.GetFromJsonAsync($"v1/accounts/default/deployments/{id}", ApiJson.Default.DeploymentResource))!;

    public static string Address(string id) => $"accounts/fireworks/models/story-3m#accounts/default/deployments/{id}";

    public Task KillAsync() => _program.KillAsync();

    public Task<int> TerminateAsync() => _program.TerminateAsync();

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _program.DisposeAsync();
    }
}
