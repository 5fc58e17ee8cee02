using System.Globalization;
using System.Net.Http.Json;
using Stoker.Benchmarks.Replicas;
using Stoker.Benchmarks.Waking;

namespace Stoker.Benchmarks.Streams;

/// <summary>What a scene did to its streams.</summary>
/// <param name="Hit">Streams on a replica that was killed; 0 where none was.</param>
/// <param name="Continued">Of those, the ones that ended whole all the same.</param>
/// <param name="Wrong">Whose text is not what came of the same request undisturbed, or no beginning of it.</param>
/// <param name="Served">New requests that were answered while the streams were open.</param>
internal sealed record SceneResult(string Scene, int Streams, int Whole, int Hit, int Continued, int Errors, int Cut, int Wrong, int Served)
{
    /// <summary>What went wrong with those that were cut, by cause.</summary>
    public IReadOnlyList<string> Causes { get; init; } = [];
}

/// <summary>
/// Many open streams, through a real server and real replicas with the simulated engine, across everything that ends a
/// replica or a server.
/// </summary>
internal sealed class StreamScenes : IDisposable
{
    private const string Deployment = "d";

    /// <summary>Within story-3m's context, with a prompt of some twenty bytes.</summary>
    private const int Tokens = 440;

    private readonly string _program;
    private readonly int _streams;
    private readonly int _replicas;
    private readonly Dictionary<string, string> _options;
    private readonly ServerFolder _folder = new();
    private ServerProcess _server = null!;
    private IReadOnlyList<string> _undisturbed = [];

    private StreamScenes(string program, int streams, int replicas, int seconds)
    {
        (_program, _streams, _replicas) = (program, streams, replicas);
        // Any one of them could take all, so that streams which have to go on elsewhere find a place.
        var rate = ((double)Tokens / seconds).ToString("0.###", CultureInfo.InvariantCulture);
        _options = ServerProcess.Simulated(program, slots: 4 * replicas, $"slots={streams},decode-rate={rate},prefill-rate=1000000");
        _options["Stoker__Runtime__StopBound"] = "00:00:01"; // what is cut, is cut soon
    }

    /// <param name="seconds">How long a stream takes that nothing disturbs.</param>
    public static async Task<StreamScenes> StartAsync(string program, int streams, int replicas, int seconds)
    {
        var scenes = new StreamScenes(program, streams, replicas, seconds);
        try
        {
            scenes._server = await ServerProcess.StartAsync(program, scenes._folder, scenes._options, url: null, "--leave-replicas");
            await scenes._server.CreateAsync(Deployment, new { baseModel = "story-3m", minReplicaCount = replicas, maxReplicaCount = replicas });
            await scenes._server.ReadyAsync(Deployment, replicas);
            var whole = await Task.WhenAll(scenes.Begin().Select(stream => stream.Ended));
            if (Array.Find(whole, stream => stream.Outcome != StreamOutcome.Whole) is { } broken) throw new BenchFailedException($"Undisturbed, a stream ended with {broken.Error}.");
            scenes._undisturbed = [.. whole.Select(stream => stream.Text)];
            if (scenes._undisturbed.Distinct().Count() != streams) throw new BenchFailedException("Streams have the same text: a mix-up would not be seen.");
            return scenes;
        }
        catch
        {
            scenes.Dispose();
            throw;
        }
    }

    public async Task<SceneResult> ScaleDownAsync()
    {
        var streams = await OpenAsync();
        await BoundsAsync(1);
        await _server.ReadyAsync(Deployment, 1);
        var result = await EndAsync("scale-down", streams, hit: 0, await ServedAsync(_server));
        await ServerProcess.UntilAsync("one replica", () => Task.FromResult(_folder.Replicas().Count == 1));
        await BoundsAsync(_replicas);
        await _server.ReadyAsync(Deployment, _replicas);
        return result;
    }

    /// <param name="context">Another one than the last time.</param>
    public async Task<SceneResult> RollingUpdateAsync(int context = 500)
    {
        var old = _folder.Replicas().Select(replica => replica.Id).ToHashSet();
        var streams = await OpenAsync();
        await _server.UpdateAsync(Deployment, new { maxContextLength = context });
        await _server.ReadyAsync(Deployment, _replicas);
        var result = await EndAsync("rolling update", streams, hit: 0, await ServedAsync(_server));
        await ServerProcess.UntilAsync(
            "new replicas alone", () => Task.FromResult(_folder.Replicas() is var now && now.Count == _replicas && !now.Any(replica => old.Contains(replica.Id))));
        return result;
    }

    /// <summary>
    /// The old server gets SIGTERM, ends its streams and is gone; the new one has its address as soon as it is free, and
    /// answers meanwhile.
    /// </summary>
    public async Task<SceneResult> UpgradeAsync()
    {
        var replicas = _folder.Replicas().Select(replica => replica.Id).Order(StringComparer.Ordinal).ToList();
        var old = _server;
        var streams = await OpenAsync();
        var ended = old.TerminateAsync();
        await ServerProcess.UntilAsync("the old server's listener closes", async () => !await ListensAsync(old.Url));
        _server = await ServerProcess.StartAsync(_program, _folder, _options, old.Url, "--leave-replicas");
        await _server.ReadyAsync(Deployment, _replicas);
        var served = await ServedAsync(_server); // it may not know its deployments yet, and keeps the request waiting
        if (ended.IsCompleted) throw new BenchFailedException("The old server ended before its streams: they are too short for this scene.");
        var result = await EndAsync("upgrade of the server", streams, hit: 0, served);
        await ended;
        old.Dispose();
        if (!_folder.Replicas().Select(replica => replica.Id).Order(StringComparer.Ordinal).SequenceEqual(replicas)) throw new BenchFailedException("Replicas were not adopted.");
        return result;
    }

    /// <summary>kill -9 of one replica; those that have to go on elsewhere may, or get an error event.</summary>
    public async Task<SceneResult> KillAsync()
    {
        var streams = await OpenAsync();
        var victim = _folder.Replicas()[0];
        var hit = await InsideAsync(victim);
        victim.Kill();
        var result = await EndAsync("kill -9 of a replica", streams, hit, served: 0);
        await _server.ReadyAsync(Deployment, _replicas);
        return result with { Served = await ServedAsync(_server) };
    }

    public void Dispose()
    {
        _server?.Dispose();
        _folder.Dispose();
    }

    private Task BoundsAsync(int replicas) => _server.UpdateAsync(Deployment, new { minReplicaCount = replicas, maxReplicaCount = replicas });

    private OpenStream[] Begin() =>
        [.. Enumerable.Range(0, _streams).Select(number => OpenStream.Start(_server, Deployment, $"Once upon a time {number}", Tokens))];

    private async Task<OpenStream[]> OpenAsync()
    {
        var streams = Begin();
        await Task.WhenAll(streams.Select(stream => stream.Begun));
        return streams;
    }

    private async Task<SceneResult> EndAsync(string scene, OpenStream[] streams, int hit, int served)
    {
        var ended = await Task.WhenAll(streams.Select(stream => stream.Ended));
        int Count(StreamOutcome outcome) => ended.Count(stream => stream.Outcome == outcome);
        var wrong = ended.Zip(_undisturbed).Count(pair => pair.First.Outcome == StreamOutcome.Whole
            ? pair.First.Text != pair.Second
            : !pair.Second.StartsWith(pair.First.Text, StringComparison.Ordinal));
        var (errors, cut) = (Count(StreamOutcome.ErrorEvent), Count(StreamOutcome.Cut));
        return new(scene, streams.Length, Count(StreamOutcome.Whole), hit, Math.Max(0, hit - errors - cut), errors, cut, wrong, served)
        {
            Causes = [.. ended.Where(stream => stream.Error is not null).GroupBy(stream => $"{stream.Outcome}: {stream.Error}").Select(group => $"{group.Count()} x {group.Key}")],
        };
    }

    /// <summary>Requests on the replica, by its own word.</summary>
    private static async Task<int> InsideAsync(RunningReplica replica)
    {
        using var client = ReplicaSocket.Client(replica.Socket);
        var health = System.Text.Json.Nodes.JsonNode.Parse(await client.GetStringAsync(new Uri("health", UriKind.Relative)))!;
        return health["requests"]!.GetValue<int>();
    }

    /// <returns>1 when a new request is answered.</returns>
    private static async Task<int> ServedAsync(ServerProcess server)
    {
        using var answer = await server.Http.PostAsJsonAsync(
            "inference/v1/completions", new { model = ServerProcess.Model(Deployment), prompt = "Once", max_tokens = 1 });
        return answer.IsSuccessStatusCode ? 1 : 0;
    }

    private static async Task<bool> ListensAsync(Uri url)
    {
        using var client = new HttpClient { BaseAddress = url }; // a connection of its own each time
        try
        {
            using var answer = await client.GetAsync(new Uri("health", UriKind.Relative));
            return true;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
