using System.Net.Http.Headers;

namespace Stoker.Benchmarks.Chaos;

/// <summary>What a server answered; without a status it was killed before it could.</summary>
internal sealed record Reply(int? Status, string Body)
{
    public bool IsAcknowledged => Status is >= 200 and < 300;

    /// <summary>Nothing was changed, and it said so.</summary>
    public bool IsRefused => Status is >= 400 and < 500;
}

/// <summary>When a server listened, in stamps of <see cref="ReplicaLife"/>.</summary>
internal sealed record ServerPeriod(long From, long To);

/// <summary>
/// The one server of a run, killed and started again: callers find the one that lives, and wait while there is none.
/// </summary>
internal sealed class ChaosServer(string program, ChaosPlace place, IReadOnlyDictionary<string, string> settings, Chronicle chronicle) : IAsyncDisposable
{
    private readonly List<ServerPeriod> _periods = [];
    private ServerProgram? _running;
    private long _since;
    private long _asked;
    private volatile TaskCompletionSource<HttpClient> _client = New();

    /// <summary>Of every server that listened and is gone.</summary>
    public IReadOnlyList<ServerPeriod> Periods => _periods;

    /// <summary>Requests that were sent, answered or not.</summary>
    public long Asked => Interlocked.Read(ref _asked);

    public string Output => _running?.Output ?? "";

    /// <summary>Starts a server; it may be killed before it listens.</summary>
    public void Start() => _running = ServerProgram.Start(program, place, settings);

    /// <exception cref="BenchFailedException">It ended by itself.</exception>
    public async Task ListenAsync(TimeSpan patience)
    {
        var address = await _running!.Listening.WaitAsync(patience, TimeProvider.System)
            ?? throw new BenchFailedException($"The server ended before it listened:\n{_running.Output}");
        var key = await File.ReadAllTextAsync(place.AdminKey);
        var http = new HttpClient { BaseAddress = address, Timeout = patience };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key.Trim());
        _since = ReplicaLife.Stamp();
        chronicle.Note(Chronicle.Server, "listens");
        _client.SetResult(http);
    }

    public async Task KillAsync()
    {
        var listened = _client.Task.IsCompleted;
        if (listened) _client = New(); // callers wait for the next one
        var killed = ReplicaLife.Stamp();
        await _running!.KillAsync();
        await _running.DisposeAsync();
        _running = null;
        if (listened) _periods.Add(new(_since, killed));
        chronicle.Note(Chronicle.Server, "killed");
    }

    /// <summary>Ends in an orderly way, with its replicas.</summary>
    public async Task<int> TerminateAsync()
    {
        var told = ReplicaLife.Stamp();
        var status = await _running!.TerminateAsync();
        _periods.Add(new(_since, told));
        return status;
    }

    /// <summary>Asks the server that lives; when it is killed meanwhile, nobody knows what it did.</summary>
    public async Task<Reply> SendAsync(HttpMethod method, string path, HttpContent? body, CancellationToken cancellation)
    {
        var http = await _client.Task.WaitAsync(cancellation);
        Interlocked.Increment(ref _asked);
        try
        {
            using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative)) { Content = body };
            using var answer = await http.SendAsync(request, CancellationToken.None); // what is asked is asked
            return new((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(CancellationToken.None));
        }
        catch (Exception broken) when (broken is HttpRequestException or IOException or OperationCanceledException)
        {
            return new(null, broken.Message);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_client.Task.IsCompletedSuccessfully) (await _client.Task).Dispose();
        if (_running is not null) await _running.DisposeAsync();
    }

    private static TaskCompletionSource<HttpClient> New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
