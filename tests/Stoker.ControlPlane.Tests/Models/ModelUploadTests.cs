using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Stoker.Api.Names;
using Stoker.ControlPlane.Models;
using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Models;

public sealed class ModelUploadTests(ModelsHost host) : IClassFixture<ModelsHost>
{
    private const string Acme = "/v1/accounts/acme/models";
    private static readonly byte[] Config = Encoding.UTF8.GetBytes(
        """{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "max_position_embeddings": 2048}""");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_folder_of_files_becomes_a_ready_model()
    {
        await host.Tenant.Post(Acme, ModelEndpointsTests.Body("whole"));
        var files = Directory.GetFiles(TestData.Model("story-3m")).ToDictionary(path => Path.GetFileName(path), File.ReadAllBytes);

        var urls = await Begin("whole", files);
        urls.Keys.ShouldBe(files.Keys, ignoreOrder: true);
        // the address alone opens it
        foreach (var (file, url) in urls) (await host.Nobody.Put(url, files[file])).ShouldBe(200);
        (await host.Tenant.Get($"{Acme}/whole:validateUpload")).ShouldBe(200).Text.ShouldBe("""{"warnings":[]}""");

        var model = (await host.Tenant.Get($"{Acme}/whole")).Json;
        ((string?)model["state"], model["status"]).ShouldBe(("READY", null));
        ((int?)model["contextLength"], (string?)model["baseModelDetails"]!["parameterCount"]).ShouldBe((512, "3152100"));
        model["supportedPrecisions"]!.AsArray().Select(item => (string?)item).ShouldBe(["BF16", "FP16"]);
        ((double?)model["defaultSamplingParams"]!["temperature"]).ShouldBe(0.7);
        var folder = host.FolderOf("accounts/acme/models/whole");
        foreach (var (file, bytes) in files) (await File.ReadAllBytesAsync(Path.Combine(folder, file), Cancellation)).ShouldBe(bytes);
        var found = await host.Services.GetRequiredService<ModelStore>().FindAsync(ModelName.Parse("accounts/acme/models/whole"), Cancellation);
        (found!.IsReady, found.Folder, found.SupportsChat, found.FilesDigest is not null).ShouldBe((true, folder, true, true));
    }

    [Fact]
    public async Task What_is_there_is_not_sent_again()
    {
        await host.Tenant.Post(Acme, ModelEndpointsTests.Body("resumed"));
        var files = Files(("config.json", Config), ("model.safetensors", new byte[100]));
        var urls = await Begin("resumed", files);
        (await host.Nobody.Put(urls["config.json"], Config)).ShouldBe(200);

        var again = await Begin("resumed", files);
        again.Keys.ShouldBe(["model.safetensors"]);
        (await Begin("resumed", files, resume: false)).Count.ShouldBe(2);
        (await host.Nobody.Put(again["model.safetensors"], new byte[100])).ShouldBe(200);
        (await host.Tenant.Get($"{Acme}/resumed:validateUpload")).ShouldBe(200);
        (await host.Tenant.Get($"{Acme}/resumed:validateUpload")).ShouldBe(200); // asking twice is fine
    }

    [Fact]
    public async Task Missing_files_are_named_and_the_upload_goes_on()
    {
        await host.Tenant.Post(Acme, ModelEndpointsTests.Body("partial"));
        (await host.Tenant.Get($"{Acme}/partial:validateUpload")).ShouldBe(400).Message.ShouldContain(":getUploadEndpoint");
        var urls = await Begin("partial", Files(("config.json", Config), ("model.safetensors", new byte[100])));
        await host.Nobody.Put(urls["config.json"], Config);

        (await host.Tenant.Get($"{Acme}/partial:validateUpload")).ShouldBe(400).Message.ShouldContain("1 of 2 files");

        var model = (await host.Tenant.Get($"{Acme}/partial")).Json;
        ((string?)model["state"], (string?)model["status"]!["code"]).ShouldBe(("UPLOADING", "FAILED_PRECONDITION"));
        ((string?)model["status"]!["message"])!.ShouldContain("model.safetensors");
        await host.Nobody.Put(urls["model.safetensors"], new byte[100]);
        (await host.Tenant.Get($"{Acme}/partial:validateUpload")).ShouldBe(200);
    }

    [Fact]
    public async Task A_bad_file_keeps_the_model_uploading_and_is_sent_again_though_its_size_is_the_same()
    {
        await host.Tenant.Post(Acme, ModelEndpointsTests.Body("mended"));
        var bad = (byte[])Config.Clone();
        bad[0] = (byte)'?';
        var files = Files(("config.json", bad), ("model.safetensors", new byte[17 << 20]));
        foreach (var (file, url) in await Begin("mended", files)) await host.Nobody.Put(url, files[file]);

        (await host.Tenant.Get($"{Acme}/mended:validateUpload")).ShouldBe(400).Message.ShouldContain("config.json: is not valid JSON");
        var model = (await host.Tenant.Get($"{Acme}/mended")).Json;
        ((string?)model["state"], (string?)model["status"]!["code"]).ShouldBe(("UPLOADING", "INVALID_ARGUMENT"));

        var again = await Begin("mended", files);
        again.Keys.ShouldBe(["config.json"]); // not the weights, which are large and were not named
        await host.Nobody.Put(again["config.json"], Config);
        (await host.Tenant.Get($"{Acme}/mended:validateUpload")).ShouldBe(200);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    public async Task A_body_of_another_length_than_announced_is_refused_and_leaves_nothing(int more)
    {
        var id = $"length-{more + 1}";
        await host.Tenant.Post(Acme, ModelEndpointsTests.Body(id));
        var urls = await Begin(id, Files(("config.json", new byte[50])));

        (await host.Nobody.Put(urls["config.json"], new byte[50 + more])).ShouldBe(400).Message.ShouldContain($"50 bytes, Content-Length is {50 + more}");

        Directory.GetFiles(host.FolderOf($"accounts/acme/models/{id}")).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_body_without_a_length_is_refused()
    {
        await host.Tenant.Post(Acme, ModelEndpointsTests.Body("chunked"));
        var urls = await Begin("chunked", Files(("config.json", Config)));
        using var request = new HttpRequestMessage(HttpMethod.Put, urls["config.json"]) { Content = new ByteArrayContent(Config) };
        request.Headers.TransferEncodingChunked = true;

        (await host.Nobody.Exchange(request)).ShouldBe(400).Message.ShouldContain("Content-Length is required");
    }

    [Fact]
    public async Task An_upload_that_breaks_off_leaves_no_half_file()
    {
        await host.Tenant.Post(Acme, ModelEndpointsTests.Body("broken"));
        var files = Files(("model.safetensors", new byte[1 << 20]));
        var address = new Uri((await Begin("broken", files))["model.safetensors"]);
        var folder = host.FolderOf("accounts/acme/models/broken");
        using (var gone = new FileSystemWatcher(folder) { EnableRaisingEvents = true })
        {
            var removed = new TaskCompletionSource();
            gone.Deleted += (_, _) => removed.TrySetResult();
            using (var client = new TcpClient())
            {
                await client.ConnectAsync(address.Host, address.Port, Cancellation);
                var head = $"PUT {address.PathAndQuery} HTTP/1.1\r\nHost: x\r\nContent-Length: {1 << 20}\r\n\r\n";
                await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head + new string('x', 1000)), Cancellation);
                await Appeared(folder);
            }

            await removed.Task.WaitAsync(Cancellation);
        }

        Directory.GetFiles(folder).ShouldBeEmpty();
        (await Begin("broken", files)).Count.ShouldBe(1);
    }

    [Theory]
    [InlineData("../x.json", "without folders")]
    [InlineData("/etc/x.json", "without folders")]
    [InlineData("pytorch_model.bin", "pickle")]
    public async Task A_file_that_may_not_be_there_is_refused_with_the_reason(string file, string reason)
    {
        await host.Tenant.Post(Acme, ModelEndpointsTests.Body("refused"));

        (await Announce("refused", Files((file, new byte[1])), resume: true)).ShouldBe(400).Message.ShouldContain(reason);
    }

    [Fact]
    public async Task More_than_the_limit_or_the_disk_holds_is_refused_before_the_first_byte()
    {
        await host.Tenant.Post(Acme, ModelEndpointsTests.Body("huge"));

        (await host.Tenant.Post($"{Acme}/huge:getUploadEndpoint", """{"filenameToSize": {"model.safetensors": "1000000001"}}"""))
            .ShouldBe(400).Message.ShouldContain("at most 1000000000");
    }

    [Fact]
    public async Task An_address_is_good_for_its_file_and_method_alone()
    {
        await host.Tenant.Post(Acme, ModelEndpointsTests.Body("signed"));
        var url =
            (await Begin("signed", Files(("config.json", Config), ("tokenizer.json", new byte[10]))))["config.json"];

        (await host.Nobody.Put(url.Replace("config.json", "tokenizer.json", StringComparison.Ordinal), new byte[10])).ShouldBe(401);
        (await host.Nobody.Put(url.Replace("/signed/", "/whole/", StringComparison.Ordinal), Config)).ShouldBe(401);
        (await host.Nobody.Put(url.Replace("expires=", "expires=9", StringComparison.Ordinal), Config)).ShouldBe(401);
        (await host.Nobody.Get(url)).ShouldBe(401);
        (await host.Tenant.Put(url[..url.IndexOf('?', StringComparison.Ordinal)], Config)).ShouldBe(401);
        (await host.Nobody.Put(url, Config)).ShouldBe(200);
    }

    [Fact]
    public async Task A_ready_models_files_are_fetched_and_cannot_be_changed()
    {
        await host.Tenant.Post(Acme, ModelEndpointsTests.Body("fixed-files"));
        (await host.Tenant.Get($"{Acme}/fixed-files:getDownloadEndpoint")).ShouldBe(400).Message.ShouldContain("not READY");
        var files = Files(("config.json", Config), ("model.safetensors", new byte[100]));
        var urls = await Begin("fixed-files", files);
        foreach (var (file, url) in urls) await host.Nobody.Put(url, files[file]);
        (await host.Tenant.Get($"{Acme}/fixed-files:validateUpload")).ShouldBe(200);

        (await host.Tenant.Post(Acme, ModelEndpointsTests.Body("fixed-files"))).ShouldBe(409); // and touches nothing
        (await host.Nobody.Put(urls["config.json"], Config)).ShouldBe(400).Message.ShouldContain("READY");
        (await Announce("fixed-files", files, resume: true)).ShouldBe(400).Message.ShouldContain("do not change");
        var downloads = (await host.Tenant.Get($"{Acme}/fixed-files:getDownloadEndpoint")).ShouldBe(200).Json["filenameToSignedUrls"]!.AsObject();
        downloads.Select(pair => pair.Key).ShouldBe(files.Keys, ignoreOrder: true);
        (await host.Nobody.Get((string)downloads["config.json"]!)).ShouldBe(200).Body.ShouldBe(Config);
    }

    [Fact]
    public async Task Files_of_an_earlier_try_that_are_not_announced_again_go()
    {
        await host.Tenant.Post(Acme, ModelEndpointsTests.Body("renamed"));
        var urls = await Begin("renamed", Files(("config.json", Config), ("old.safetensors", new byte[100])));
        await host.Nobody.Put(urls["old.safetensors"], new byte[100]);

        await Begin("renamed", Files(("config.json", Config), ("new.safetensors", new byte[100])));

        Directory.GetFiles(host.FolderOf("accounts/acme/models/renamed")).ShouldBeEmpty();
        (await host.Nobody.Put(urls["old.safetensors"], new byte[100])).ShouldBe(400).Message.ShouldContain("no such file");
    }

    [Theory]
    [InlineData("""{"r": 8, "target_modules": ["q_proj", "v_proj"]}""", "r is 4, but adapter_config.json says 8")]
    [InlineData("""{"r": 4, "target_modules": ["q_proj"]}""", "target_modules is q_proj, v_proj, but adapter_config.json says q_proj")]
    [InlineData("""{"r": 4, "target_modules": ["q_proj", "v_proj"], "hidden_size": 64}""", "is for another base")]
    public async Task An_addon_must_be_what_it_was_announced_as(string adapter, string reason)
    {
        var id = $"misfit-{adapter.Length}";
        (await host.Tenant.Post(Acme, ModelEndpointsTests.Addon(id, "story-3m"))).ShouldBe(200);
        var files = Files(("adapter_config.json", Encoding.UTF8.GetBytes(adapter)), ("adapter_model.safetensors", new byte[100]));
        foreach (var (file, url) in await Begin(id, files)) await host.Nobody.Put(url, files[file]);

        (await host.Tenant.Get($"{Acme}/{id}:validateUpload")).ShouldBe(400).Message.ShouldContain(reason);
    }

    [Fact]
    public async Task An_addon_is_checked_against_its_base_which_must_be_there()
    {
        await host.Tenant.Post(Acme, ModelEndpointsTests.Body("late-base"));
        await host.Tenant.Post(Acme, ModelEndpointsTests.Addon("early", "late-base"));
        var adapter =
            Encoding.UTF8.GetBytes("""{"r": 4, "target_modules": ["q_proj", "v_proj"], "hidden_size": 192}""");
        await Send("early", Files(("adapter_config.json", adapter), ("adapter_model.safetensors", new byte[100])));

        (await host.Tenant.Get($"{Acme}/early:validateUpload")).ShouldBe(400).Message
            .ShouldContain("accounts/acme/models/late-base has none yet: upload those first (firectl upload model accounts/acme/models/late-base PATH)");

        var config = Encoding.UTF8.GetBytes(
            """{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "max_position_embeddings": 2048, "hidden_size": 192}""");
        await Send("late-base", Files(("config.json", config), ("model.safetensors", new byte[100])));
        (await host.Tenant.Get($"{Acme}/late-base:validateUpload")).ShouldBe(200);
        (await host.Tenant.Get($"{Acme}/early:validateUpload")).ShouldBe(200);
    }

    [Fact]
    public async Task Files_of_another_kind_are_refused()
    {
        await host.Tenant.Post(Acme, ModelEndpointsTests.Addon("wrong-kind", "story-3m"));
        var files = Files(("config.json", Config), ("model.safetensors", new byte[100]));
        foreach (var (file, url) in await Begin("wrong-kind", files)) await host.Nobody.Put(url, files[file]);

        (await host.Tenant.Get($"{Acme}/wrong-kind:validateUpload")).ShouldBe(400).Message.ShouldContain("the files are of a HF_BASE_MODEL");
    }

    [Theory]
    [InlineData("skipHfConfigValidation")]
    [InlineData("trustRemoteCode")]
    [InlineData("configOnly")]
    public async Task Ways_around_the_check_are_refused_by_name(string flag)
    {
        await host.Tenant.Post(Acme, ModelEndpointsTests.Body("flags"));

        (await host.Tenant.Get($"{Acme}/flags:validateUpload?{flag}=true")).ShouldBe(501).Message.ShouldContain(flag);
    }

    [Fact]
    public async Task An_operator_fills_an_entry_of_the_catalogue_and_its_delete_empties_it()
    {
        const string Entry = "/v1/accounts/fireworks/models/qwen2p5-0p5b-instruct";
        var files = Files(("config.json", Config), ("model.safetensors", new byte[100]));
        var body = Manifest(files, resume: true);
        (await host.Tenant.Post($"{Entry}:getUploadEndpoint", body)).ShouldBe(403);
        var urls = (await host.Operator.Post($"{Entry}:getUploadEndpoint", body)).ShouldBe(200).Json["filenameToSignedUrls"]!.AsObject();
        foreach (var (file, url) in urls) await host.Nobody.Put((string)url!, files[file]);

        (await host.Operator.Get($"{Entry}:validateUpload")).ShouldBe(200).Text.ShouldContain("the files allow 2048: that holds");

        var model = (await host.Tenant.Get(Entry)).Json;
        // as the files say, whatever the catalogue said
        ((string?)model["baseModelDetails"]!["modelType"]).ShouldBe("llama");
        ((string?)model["state"], (int?)model["contextLength"], (string?)model["baseModelDetails"]!["parameterCount"]).ShouldBe(("READY", 2048, "50"));
        (await host.Operator.Patch($"{Entry}?updateMask=display_name", """{"displayName": "Ours"}""")).ShouldBe(200);
        (await host.Operator.Delete(Entry)).ShouldBe(200);
        var emptied = (await host.Tenant.Get(Entry)).ShouldBe(200).Json;
        ((string?)emptied["state"], (string?)emptied["baseModelDetails"]!["parameterCount"]).ShouldBe(("UPLOADING", "494032768"));
        Directory.Exists(host.FolderOf("accounts/fireworks/models/qwen2p5-0p5b-instruct")).ShouldBeFalse();
    }

    [Fact]
    public async Task A_model_deleted_during_an_upload_leaves_no_file()
    {
        await host.Tenant.Post(Acme, ModelEndpointsTests.Body("vanishing"));
        var address =
            new Uri((await Begin("vanishing", Files(("model.safetensors", new byte[1000]))))["model.safetensors"]);
        var folder = host.FolderOf("accounts/acme/models/vanishing");
        using var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port, Cancellation);
        var head =
            $"PUT {address.PathAndQuery} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n";
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head + new string('x', 500)), Cancellation);
        await Appeared(folder);

        (await host.Tenant.Delete($"{Acme}/vanishing")).ShouldBe(200);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(new string('x', 500)), Cancellation);

        using var reader = new StreamReader(client.GetStream());
        (await reader.ReadToEndAsync(Cancellation)).ShouldStartWith("HTTP/1.1 404");
        Directory.Exists(folder).ShouldBeFalse();
    }

    /// <summary>Ends when the folder holds a file; a watcher alone could miss one that is there already.</summary>
    private static async Task Appeared(string folder)
    {
        using var watcher = new FileSystemWatcher(folder) { EnableRaisingEvents = true };
        var appeared = new TaskCompletionSource();
        watcher.Created += (_, _) => appeared.TrySetResult();
        if (Directory.GetFiles(folder).Length == 0) await appeared.Task.WaitAsync(Cancellation);
    }

    private static Dictionary<string, byte[]> Files(params (string Name, byte[] Bytes)[] files) =>
        files.ToDictionary(file => file.Name, file => file.Bytes);

    private static string Manifest(Dictionary<string, byte[]> files, bool resume) => new JsonObject
    {
        ["filenameToSize"] = new JsonObject(files.Select(file => KeyValuePair.Create(file.Key, (JsonNode?)$"{file.Value.Length}"))),
        ["enableResumableUpload"] = resume,
    }.ToJsonString();

    private Task<Answer> Announce(string id, Dictionary<string, byte[]> files, bool resume) =>
        host.Tenant.Post($"{Acme}/{id}:getUploadEndpoint", Manifest(files, resume));

    private async Task Send(string id, Dictionary<string, byte[]> files)
    {
        foreach (var (file, url) in await Begin(id, files)) (await host.Nobody.Put(url, files[file])).ShouldBe(200);
    }

    private async Task<Dictionary<string, string>> Begin(string id, Dictionary<string, byte[]> files, bool resume = true)
    {
        var answer = (await Announce(id, files, resume)).ShouldBe(200).Json;
        answer["filenameToUnsignedUris"]!.AsObject().Count.ShouldBe(files.Count);
        return answer["filenameToSignedUrls"]!.AsObject().ToDictionary(pair => pair.Key, pair => (string)pair.Value!);
    }
}
