using System.Diagnostics;
using System.Globalization;
using Stoker.ControlPlane.Storage;

namespace Stoker.Benchmarks.Chaos;

/// <summary>
/// One run: (1) rounds of changes and kills, (2) after each everything comes to rest and is checked, (3) the server ends
/// and the ledger is held against what was seen.
/// </summary>
internal sealed class ChaosRun : IAsyncDisposable
{
    /// <summary>Of what happened before a finding.</summary>
    private const int ToldLines = 60;

    private readonly ChaosOptions _options;
    private readonly ChaosPlace _place = new();
    private readonly Progress _progress = new();
    private readonly Findings _findings = new();
    private readonly Chronicle _chronicle = new();
    private readonly ReplicaWatch _watch;
    private readonly ChaosServer _server;
    private readonly ChaosClient[] _clients;
    private readonly Killer _killer;

    private ChaosRun(ChaosOptions options)
    {
        _options = options;
        _watch = new(_place, _progress, _findings, _chronicle);
        _server = new(options.Stoker, _place, Settings(options), _chronicle);
        _clients = [.. Enumerable.Range(0, options.Deployments).Select(index =>
            new ChaosClient($"chaos-{index}", sleeps: index == 0, _server, _progress, _findings, _chronicle, new Random((options.Seed * 7919) + index)))];
        _killer = new(_server, _watch, _progress, _chronicle, new Random(options.Seed), options.Patience);
    }

    public static async Task<ChaosReport> RunAsync(ChaosOptions options)
    {
        await using var run = new ChaosRun(options);
        return await run.RunAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _watch.DisposeAsync();
        await _server.DisposeAsync();
        _place.Dispose();
    }

    private async Task<ChaosReport> RunAsync()
    {
        var begun = Stopwatch.GetTimestamp();
        _watch.Start();
        _server.Start();
        await _server.ListenAsync(_options.Patience);
        while (_killer.Total < _options.Kills)
        {
            await RoundAsync(Math.Min(_killer.Total + _options.KillsPerRound, _options.Kills));
            await RestAsync();
            _options.Tell(string.Create(CultureInfo.InvariantCulture, $"{_killer.Total} kills, {_clients.Sum(client => client.Acknowledged)} changes, {_watch.Lives.Count} replicas, {_findings.All.Count} findings, {Stopwatch.GetElapsedTime(begun).TotalSeconds:F0} s"));
        }

        var ledger = await EndAsync();
        return new(
            _options, _killer.Kills, _clients.Sum(client => client.Acknowledged), _clients.Sum(client => client.Unknown), _clients.Sum(client => client.Refused),
            _watch.Lives.Count, _findings, ledger, Stopwatch.GetElapsedTime(begun));
    }

    private async Task RoundAsync(int kills)
    {
        using var end = new CancellationTokenSource();
        Task[] changing = [.. _clients.Select(client => client.RunAsync(end.Token))];
        await _killer.RunAsync(kills, CancellationToken.None);
        await end.CancelAsync();
        await Task.WhenAll(changing);
    }

    /// <summary>Step 2.</summary>
    private async Task RestAsync()
    {
        var before = _findings.All.Count;
        var check = new RestCheck(_server, _watch, _clients, _findings);
        await check.WaitAsync(_options.Patience);
        foreach (var client in _clients.Where(client => client.Wish.State is WishState.Live or WishState.Deleted))
        {
            var (status, said) = await VerifyAsync(client.Id);
            if (status != 0) _findings.Add(Violation.Ledger, $"verify-usage of {client.Id} ends with {status}: {said}");
        }

        TellNew(before);
        if (_findings.All.Count > before) _options.Tell(_server.Output);
    }

    private void TellNew(int before)
    {
        foreach (var (kind, message) in _findings.All.Skip(before))
        {
            _options.Tell($"{kind}: {message}");
            foreach (var line in _chronicle.Of(message, ToldLines)) _options.Tell($"  {line}");
        }
    }

    private async Task<(int Status, string Said)> VerifyAsync(string id)
    {
        var start = new ProcessStartInfo(_options.Firectl, ["deployment", "verify-usage", id]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in ServerProgram.Environment(_place)) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var said = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, string.Concat(said));
    }

    /// <summary>Step 3.</summary>
    private async Task<LedgerAudit> EndAsync()
    {
        var status = await _server.TerminateAsync();
        if (status != 0) _findings.Add(Violation.Lost, $"the server ended with {status}:\n{_server.Output}");
        await _watch.LookAsync();
        foreach (var (process, life) in _watch.Living) _findings.Add(Violation.Orphan, $"{process.Id} of {life.Deployment} outlived the server's orderly end");
        await using var database = SqliteDatabase.Open(_place.Database, TimeProvider.System, TimeSpan.FromDays(1));
        var ledger = await new SqliteLedgerStore(database).ReadAsync(LedgerPlace.Start, CancellationToken.None);
        var before = _findings.All.Count;
        var audit = LedgerAudit.Of(ledger!, [.. _watch.Lives.Values.Select(life => life.WithOwnWords(_place.Replicas))], _server.Periods, _findings);
        TellNew(before);
        return audit;
    }

    private static Dictionary<string, string> Settings(ChaosOptions options) => new()
    {
        ["Stoker__Runtime__Engine"] = "simulated",
        ["Stoker__Runtime__KeptEnded"] = "10000", // what was started is told by its folder
        ["Stoker__Capacity__Pinned"] = "false",
        ["Stoker__Capacity__Slots"] = (options.Deployments * 6).ToString(CultureInfo.InvariantCulture),
        // Whoever is killed did not fail: no rule on failures may change what was asked.
        ["Stoker__Deployments__MaxTries"] = "1000",
        ["Stoker__Deployments__FirstRetryDelay"] = "00:00:00.100",
        ["Stoker__Deployments__MaxRetryDelay"] = "00:00:01",
        ["Stoker__Deployments__SurgePatience"] = "01:00:00",
        ["Stoker__Deployments__UpdateProbation"] = "00:00:00",
    };
}
