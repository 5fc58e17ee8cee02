using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Stoker.Benchmarks.Chaos;
using Stoker.ControlPlane.Storage;

namespace Stoker.Benchmarks.Ledger;

/// <summary>
/// Clients of a real server that is killed with SIGKILL again and again: what each was told is in the ledger, and what is
/// there beside it is free, or was cancelled by one of them.
/// </summary>
internal sealed class KilledServers(string program, int seed, int kills) : IDisposable
{
    private const int Clients = 8;
    private const string Model = "accounts/fireworks/models/story-3m";
    private const string Deployment = "accounts/default/deployments/ledger";
    private const int LongestMs = 1_500; // between a server's first answer and its end

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly ChaosPlace _place = new();
    private readonly Random _random = new(seed);
    private readonly ConcurrentDictionary<string, RequestTokens> _told = [];
    private readonly ConcurrentDictionary<string, bool> _left = [];

    /// <summary>Answers that clients had whole.</summary>
    public int Told => _told.Count;

    public void Dispose() => _place.Dispose();

    /// <returns>What must never be, in words.</returns>
    public async Task<IReadOnlyList<string>> RunAsync()
    {
        for (var kill = 0; kill <= kills; kill++)
        {
            await using var server = ServerProgram.Start(program, _place, new Dictionary<string, string> { ["Stoker__Runtime__Engine"] = "simulated" });
            using var http = await ConnectAsync(server);
            if (kill == 0) await CreateAsync(http);
            await UntilAsync(async () => await AskAsync(http), "an answer");
            if (kill == kills)
            {
                await UntilAsync(() => Task.FromResult(Directory.GetFiles(Path.Combine(_place.Data, "requests"), "*.open").Length == 1), "that the last killed gateway is settled");
                await server.TerminateAsync();
                break;
            }

            using var end = new CancellationTokenSource();
            var clients = Enumerable.Range(0, Clients).Select(client => Task.Run(() => ClientAsync(http, seed + (kill * Clients) + client, end.Token))).ToList();
            await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(1, LongestMs)), TimeProvider.System);
            await server.KillAsync();
            await end.CancelAsync();
            await Task.WhenAll(clients);
        }

        return await AuditAsync();
    }

    private async Task<HttpClient> ConnectAsync(ServerProgram server)
    {
        var address = await server.Listening.WaitAsync(Patience, TimeProvider.System) ?? throw new BenchFailedException($"The server ended before it listened:\n{server.Output}");
        // Who leaves a stream hangs up at once, instead of reading on for two seconds.
        var http = new HttpClient(new SocketsHttpHandler { MaxResponseDrainSize = 0, ResponseDrainTimeout = TimeSpan.Zero }) { BaseAddress = address, Timeout = Patience };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", (await File.ReadAllTextAsync(_place.AdminKey)).Trim());
        return http;
    }

    private static async Task CreateAsync(HttpClient http)
    {
        using var made = await http.PostAsJsonAsync(
            "v1/accounts/default/deployments?deploymentId=ledger", new JsonObject { ["baseModel"] = Model, ["minReplicaCount"] = 1, ["maxReplicaCount"] = 1 });
        if (!made.IsSuccessStatusCode) throw new BenchFailedException($"No deployment: {await made.Content.ReadAsStringAsync()}");
    }

    private async Task ClientAsync(HttpClient http, int clientSeed, CancellationToken end)
    {
        var random = new Random(clientSeed);
        while (!end.IsCancellationRequested)
        {
            try
            {
                if (random.NextDouble() < 0.2) await LeaveAsync(http, end);
                else await AskAsync(http, random.Next(1, 40));
            }
            catch (Exception error) when (error is HttpRequestException or IOException or OperationCanceledException)
            {
                // killed: nobody told this client anything
            }
        }
    }

    /// <summary>A whole answer, and what it says that it used.</summary>
    private async Task<bool> AskAsync(HttpClient http, int tokens = 1)
    {
        using var answer = await http.PostAsJsonAsync("inference/v1/completions", Body(tokens, stream: false));
        if (!answer.IsSuccessStatusCode) return false;
        var usage = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["usage"]!;
        _told[IdOf(answer)] = new(
            usage["prompt_tokens"]!.GetValue<int>(), usage["prompt_tokens_details"]?["cached_tokens"]?.GetValue<int>() ?? 0, usage["completion_tokens"]!.GetValue<int>());
        return true;
    }

    /// <summary>Reads the first line of a long stream and hangs up.</summary>
    private async Task LeaveAsync(HttpClient http, CancellationToken end)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "inference/v1/completions") { Content = JsonContent.Create(Body(2_000, stream: true)) };
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, end);
        if (!answer.IsSuccessStatusCode) return;
        _left[IdOf(answer)] = true;
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(end));
        await reader.ReadLineAsync(end);
    }

    private static JsonObject Body(int tokens, bool stream) =>
        new() { ["model"] = $"{Model}#{Deployment}", ["prompt"] = "Once upon a time", ["max_tokens"] = tokens, ["ignore_eos"] = true, ["stream"] = stream };

    private static string IdOf(HttpResponseMessage answer) => answer.Headers.GetValues("x-fireworks-request-id").Single();

    private async Task<IReadOnlyList<string>> AuditAsync()
    {
        await using var database = SqliteDatabase.Open(_place.Database, TimeProvider.System, TimeSpan.FromSeconds(1));
        var rows = (await new SqliteRequestStore(database).ReadAsync(0, int.MaxValue, CancellationToken.None)).ToDictionary(row => row.Id);
        var wrong = new List<string>();
        foreach (var (id, tokens) in _told)
        {
            if (!rows.TryGetValue(id, out var row)) wrong.Add($"{id} was answered and has no row");
            else if (row.Status != RequestStatus.Finished || row.Tokens != tokens) wrong.Add($"{id} was answered with {tokens}, and is {row.Status} with {row.Tokens}");
        }

        foreach (var id in _left.Keys.Where(id => !rows.ContainsKey(id))) wrong.Add($"{id} had begun and has no row");
        foreach (var row in rows.Values.Where(row => row.Status == RequestStatus.Lost && row.Tokens != default)) wrong.Add($"{row.Id} is lost and has tokens");
        Console.WriteLine(string.Join(", ", rows.Values.GroupBy(row => row.Status).OrderBy(group => group.Key).Select(group => $"{group.Count()} {group.Key}")));
        return wrong;
    }

    private static async Task UntilAsync(Func<Task<bool>> fits, string what)
    {
        using var deadline = new CancellationTokenSource(Patience);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!await fits())
        {
            if (deadline.IsCancellationRequested) throw new BenchFailedException($"Not in {Patience.TotalSeconds:0} s: {what}");
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }
    }
}
