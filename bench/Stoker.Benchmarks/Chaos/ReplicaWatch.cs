using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json;
using Stoker.Api;
using Stoker.Api.Replicas;
using Stoker.Benchmarks.Replicas;

namespace Stoker.Benchmarks.Chaos;

/// <summary>
/// Watches all replicas of a data directory from outside: the process table by itself, and each replica at its own
/// socket. Tells of what must never be: one id twice, or two living replicas on one accelerator.
/// </summary>
internal sealed class ReplicaWatch(ChaosPlace place, Progress progress, Findings findings, Chronicle chronicle) : IAsyncDisposable
{
    private static readonly TimeSpan ScanPause = TimeSpan.FromMilliseconds(40);
    private static readonly TimeSpan AskPause = TimeSpan.FromMilliseconds(100);

    /// <summary>Ready may last for an instant only, in a deployment that wants something else already.</summary>
    private static readonly TimeSpan StartingPause = TimeSpan.FromMilliseconds(20);

    private static readonly TimeSpan AskTimeout = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<string, ReplicaLife> _lives = new();
    private readonly ConcurrentDictionary<string, RunningReplica> _living = new();
    private readonly CancellationTokenSource _end = new();
    private readonly List<Task> _asking = [];
    private Task _scanning = Task.CompletedTask;
    private long _scans;

    public IReadOnlyDictionary<string, ReplicaLife> Lives => _lives;

    /// <summary>Those that lived at the last scan.</summary>
    public IReadOnlyList<(RunningReplica Process, ReplicaLife Life)> Living =>
        [.. _living.Values.Where(process => _lives.ContainsKey(process.Id)).Select(process => (process, _lives[process.Id]))];

    public void Start() => _scanning = ScanAllAsync();

    /// <summary>Goes on until what it saw of everything is newer than now.</summary>
    public async Task LookAsync()
    {
        var seen = Interlocked.Read(ref _scans) + 2;
        while (Interlocked.Read(ref _scans) < seen) await Task.Delay(ScanPause, TimeProvider.System, CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _scanning;
        await Task.WhenAll(_asking);
        _end.Dispose();
    }

    private async Task ScanAllAsync()
    {
        while (!_end.IsCancellationRequested)
        {
            Scan();
            Interlocked.Increment(ref _scans);
            await Task.Delay(ScanPause, TimeProvider.System, _end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Scan()
    {
        var begun = ReplicaLife.Stamp();
        var processes = RunningReplicas.Under(place.Replicas);
        var ended = ReplicaLife.Stamp();
        foreach (var process in processes)
        {
            if (!_lives.ContainsKey(process.Id) && !TryMeet(process)) continue;
            Change(process.Id, life => life with { AliveAt = begun });
            if (_living.TryAdd(process.Id, process)) progress.Step();
        }

        foreach (var (id, process) in _living)
        {
            if (processes.Exists(other => other.Id == id)) continue;
            _living.TryRemove(id, out _);
            Change(id, life => life with { GoneAt = ended });
            chronicle.Note(id, "gone");
            progress.Step();
        }

        CheckIds(processes);
        CheckSlots(processes);
    }

    private bool TryMeet(RunningReplica process)
    {
        if (ReplicaLife.Read(process.Id, place.Replicas) is not { } life) return false; // removed with its end meanwhile
        _lives[process.Id] = life;
        chronicle.Note(process.Id, $"seen, of {life.Deployment}");
        _asking.Add(AskAsync(process));
        return true;
    }

    /// <summary>A scan takes a while, so that one may end and another begin in it: both must live at one later instant.</summary>
    private void CheckIds(List<RunningReplica> processes)
    {
        foreach (var twins in processes.GroupBy(process => process.Id).Where(group => group.Count() > 1))
        {
            if (twins.Count(process => process.IsAlive) > 1) findings.Add(Violation.Duplicate, $"replica {twins.Key} runs as processes {string.Join(" and ", twins.Select(process => process.Pid))}");
        }
    }

    private void CheckSlots(List<RunningReplica> processes)
    {
        var holders = processes.Where(process => _lives.ContainsKey(process.Id)).SelectMany(process => _lives[process.Id].Slots, (process, slot) => (slot, process));
        foreach (var slot in holders.GroupBy(holder => holder.slot).Where(group => group.Count() > 1))
        {
            var alive = slot.Select(holder => holder.process).Where(process => process.IsAlive).ToList();
            if (alive.Count > 1) findings.Add(Violation.Duplicate, $"accelerator {slot.Key} is held by {string.Join(" and ", alive.Select(process => process.Id))} at once");
        }
    }

    private async Task AskAsync(RunningReplica process)
    {
        await Task.Yield();
        using var http = ReplicaSocket.Client(process.Socket);
        while (!_end.IsCancellationRequested && process.IsAlive)
        {
            var asked = ReplicaLife.Stamp();
            var state = await StateAsync(http, process.Id);
            var answered = ReplicaLife.Stamp();
            if (state is not null && state != _lives[process.Id].State)
            {
                chronicle.Note(process.Id, $"answers {state}");
                progress.Step();
            }

            Change(process.Id, life => life with
            {
                State = state ?? life.State,
                NotReadyAt = life.ReadyAt is null && state is not (null or "READY" or "DRAINING") ? asked : life.NotReadyAt,
                ReadyAt = life.ReadyAt ?? (state == "READY" ? answered : null),
            });
            await Task.Delay(_lives[process.Id].ReadyAt is null ? StartingPause : AskPause, TimeProvider.System, _end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>The scan and the replica's own loop write different fields of one record.</summary>
    private void Change(string id, Func<ReplicaLife, ReplicaLife> change) =>
        _lives.AddOrUpdate(id, _ => throw new InvalidOperationException($"Nobody met {id}"), (_, life) => change(life));

    private async Task<string?> StateAsync(HttpClient http, string id)
    {
        try
        {
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(_end.Token);
            timeout.CancelAfter(AskTimeout);
            using var answer = await http.GetAsync(new Uri(ReplicaProtocol.HealthPath, UriKind.Relative), timeout.Token);
            var health = await answer.Content.ReadFromJsonAsync(ApiJson.Default.ReplicaHealth, timeout.Token);
            return health?.ReplicaId == id ? health.State : null;
        }
        catch (Exception silent) when (silent is HttpRequestException or IOException or OperationCanceledException or JsonException)
        {
            return null;
        }
    }
}
