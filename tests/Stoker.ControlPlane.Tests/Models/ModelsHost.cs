using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Stoker.Api.Names;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Models;

/// <summary>
/// The slice behind real HTTP: Kestrel on a free port, a data directory of its own, the operator's account and a
/// tenant's.
/// </summary>
public sealed class ModelsHost : IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("stoker-models-");
    private WebApplication _app = null!;

    /// <summary>Who uses which model: tests put names in.</summary>
    public Dictionary<string, string> Users { get; } = [];

    /// <summary>High enough that nothing is packed, where a test does not look at it.</summary>
    public long PackFromBytes { get; init; } = 1L << 40;

    public string Library { get; init; } = Path.GetDirectoryName(Testing.TestData.Model("story-3m"))!;

    public HttpClient Operator { get; private set; } = null!;

    public HttpClient Tenant { get; private set; } = null!;

    /// <summary>Without a key.</summary>
    public HttpClient Nobody { get; private set; } = null!;

    public IServiceProvider Services => _app.Services;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Configuration.AddInMemoryCollection([
            new("Stoker:Storage:DataDirectory", _directory.FullName),
            new("Stoker:Models:LibraryFolder", Library),
            new("Stoker:Models:MaxModelBytes", "1000000000"),
            new("Stoker:Models:PackFromBytes", PackFromBytes.ToString(System.Globalization.CultureInfo.InvariantCulture)),
        ]);
        builder.Services.AddStorage().AddAccounts().AddModels();
        builder.Services.AddSingleton<IModelInspector, FakeInspector>();
        builder.Services.AddSingleton<IModelPacker, FakePacker>();
        builder.Services.AddSingleton<IModelUse>(new NamedUse(Users));
        _app = builder.Build();
        _app.MapModels();
        await _app.StartAsync();
        Nobody = Client(null);
        Operator = Client((await File.ReadAllTextAsync(Services.GetRequiredService<DataDirectory>().AdminKey)).Trim());
        Tenant = Client(await CreateAccountAsync("acme"));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in new[] { Nobody, Operator, Tenant }) client.Dispose();
        await _app.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    public string FolderOf(string model) => Services.GetRequiredService<ModelStore>().FolderOf(ModelName.Parse(model));

    private HttpClient Client(string? key)
    {
        var client = new HttpClient { BaseAddress = new Uri(_app.Urls.First()) };
        if (key is not null) client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return client;
    }

    private async Task<string> CreateAccountAsync(string id)
    {
        var (store, account, key) = (Services.GetRequiredService<AccountStore>(), new AccountName(ResourceId.Parse(id)), ApiKey.Create());
        var user = account.User(ResourceId.Parse("ann"));
        await store.Accounts.CreateAsync(account, new AccountSpec(null, null, Operator: false), NoStatus.Instance, default);
        await store.Users.CreateAsync(user, new UserSpec(null, null, "user", false), NoStatus.Instance, default);
        await store.Keys.CreateAsync(
            new ApiKeyName(user, ResourceId.Parse("k")), new ApiKeySpec("k", KeyHash.Of(key).ToStored(), "fw_", null, null), NoStatus.Instance, default);
        await Services.GetRequiredService<KeyRingSource>().ReloadAsync(default);
        return key;
    }

    private sealed class NamedUse(Dictionary<string, string> users) : IModelUse
    {
        public Task<IReadOnlyList<string>> FindUsersAsync(ModelName model, CancellationToken cancellation) =>
            Task.FromResult<IReadOnlyList<string>>(users.TryGetValue(model.ToString(), out var user) ? [user] : []);

        public Task<IReadOnlyList<DeployedModelRefResource>> FindDeployedAsync(ModelName model, AccountName account, CancellationToken cancellation) =>
            Task.FromResult<IReadOnlyList<DeployedModelRefResource>>(
                users.TryGetValue(model.ToString(), out var user) && user.StartsWith($"{account}/", StringComparison.Ordinal) ? [new() { Deployment = user }] : []);
    }
}

/// <summary>HTTP calls that read as actions, and answers as JSON.</summary>
internal static class Calls
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static Task<Answer> Get(this HttpClient client, string path) => client.Send(HttpMethod.Get, path);

    public static Task<Answer> Delete(this HttpClient client, string path) => client.Send(HttpMethod.Delete, path);

    public static Task<Answer> Post(this HttpClient client, string path, string json) =>
        client.Send(HttpMethod.Post, path, json);

    public static Task<Answer> Patch(this HttpClient client, string path, string json) =>
        client.Send(HttpMethod.Patch, path, json);

    public static async Task<Answer> Send(this HttpClient client, HttpMethod method, string path, string? json = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (json is not null) request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        return await client.Exchange(request);
    }

    public static async Task<Answer> Put(this HttpClient client, string address, byte[] bytes)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, address) { Content = new ByteArrayContent(bytes) };
        return await client.Exchange(request);
    }

    public static async Task<Answer> Exchange(this HttpClient client, HttpRequestMessage request)
    {
        using var response = await client.SendAsync(request, Cancellation);
        return new Answer((int)response.StatusCode, await response.Content.ReadAsByteArrayAsync(Cancellation));
    }
}

internal sealed record Answer(int Status, byte[] Body)
{
    public JsonNode Json => JsonNode.Parse(Body)!;

    public string Text => Encoding.UTF8.GetString(Body);

    public string Message => (string?)Json["message"] ?? "";

    public Answer ShouldBe(int status)
    {
        Status.ShouldBe(status, Text);
        return this;
    }
}
