using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Stoker.Benchmarks.Replicas;
using Stoker.Benchmarks.Waking;

namespace Stoker.Benchmarks.Addons;

/// <summary>Brings many addons to the deployment <c>d</c> of a server, as an owner does.</summary>
internal sealed class DeployedAddons(ServerProcess server, ManyAddons addons)
{
    private const string Account = "v1/accounts/default";

    /// <returns>Milliseconds of each, from its creation to its check.</returns>
    public async Task<List<double>> UploadAllAsync()
    {
        var took = new List<double>();
        for (var index = 0; index < addons.Folders.Count; index++)
        {
            var start = Stopwatch.GetTimestamp();
            await UploadAsync(ManyAddons.Name(index), addons.Folders[index]);
            took.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        return took;
    }

    /// <returns>Milliseconds of each call.</returns>
    public async Task<List<double>> DeployAllAsync()
    {
        var took = new List<double>();
        for (var index = 0; index < addons.Folders.Count; index++)
        {
            var start = Stopwatch.GetTimestamp();
            await PostAsync($"{Account}/deployedModels", new { model = ManyAddons.Name(index), deployment = "d" });
            took.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        return took;
    }

    /// <summary>Until so many are DEPLOYED and so many FAILED.</summary>
    public Task SettledAsync(int deployed, int failed) => ServerProcess.UntilAsync($"{deployed} addons DEPLOYED and {failed} FAILED", async () =>
    {
        var states = new List<string>();
        for (var token = ""; token is not null;)
        {
            var page = await server.GetAsync($"{Account}/deployedModels?pageSize=200&pageToken={Uri.EscapeDataString(token)}");
            states.AddRange(page["deployedModels"]!.AsArray().Select(row => row!["state"]!.GetValue<string>()));
            token = page["nextPageToken"]?.GetValue<string>() is { Length: > 0 } next ? next : null;
        }

        return states.Count(state => state == "DEPLOYED") == deployed && states.Count(state => state == "FAILED") == failed;
    });

    /// <summary>Until the one replica says that it has so many.</summary>
    public static Task LoadedAsync(ServerFolder folder, int count) => ServerProcess.UntilAsync($"{count} addons on the new replica", async () =>
    {
        if (folder.Replicas() is not [var replica]) return false;
        using var client = ReplicaSocket.Client(replica.Socket);
        var list = JsonNode.Parse(await client.GetStringAsync(new Uri("/stoker/v1/addons", UriKind.Relative)))!;
        return list["addons"]!.AsArray().Count == count;
    });

    private async Task UploadAsync(string id, string folder)
    {
        var config = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(folder, ManyAddons.Config)))!;
        await PostAsync($"{Account}/models", new
        {
            modelId = id,
            model = new
            {
                kind = "HF_PEFT_ADDON",
                peftDetails = new { baseModel = "accounts/fireworks/models/story-3m", r = config["r"]!.GetValue<int>(), targetModules = config["target_modules"] },
            },
        });
        var files = Directory.GetFiles(folder).ToDictionary(path => Path.GetFileName(path), path => path);
        var plan = await PostAsync(
            $"{Account}/models/{id}:getUploadEndpoint",
            new { filenameToSize = files.ToDictionary(file => file.Key, file => $"{new FileInfo(file.Value).Length}"), enableResumableUpload = true });
        foreach (var (name, address) in plan["filenameToSignedUrls"]!.AsObject())
        {
            using var content = new ByteArrayContent(await File.ReadAllBytesAsync(files[name]));
            using var put = await server.Http.PutAsync(new Uri(address!.GetValue<string>(), UriKind.RelativeOrAbsolute), content);
            if (!put.IsSuccessStatusCode) throw new BenchFailedException($"{name} of {id}: {await put.Content.ReadAsStringAsync()}");
        }

        await server.GetAsync($"{Account}/models/{id}:validateUpload");
    }

    private async Task<JsonNode> PostAsync(string path, object body)
    {
        using var answer = await server.Http.PostAsJsonAsync(new Uri(path, UriKind.Relative), body);
        var text = await answer.Content.ReadAsStringAsync();
        return answer.IsSuccessStatusCode ? JsonNode.Parse(text)! : throw new BenchFailedException($"POST {path}: {text}");
    }
}
