using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Tests.Runtimes;

/// <summary>
/// Replicas that only exist in time: they boot, answer, fail and drain as long as they are told to. Survives its
/// owners, as processes do.
/// </summary>
internal sealed class FakeRuntime(TimeProvider time) : IReplicaRuntime
{
    private readonly Dictionary<ReplicaId, Fake> _replicas = [];
    private readonly long _begun = time.GetTimestamp(); // near: the framework's difference of far stamps is rounded
    private readonly Channel<string> _changes = Channel.CreateUnbounded<string>();

    /// <summary>From start to ready.</summary>
    public TimeSpan Boot { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>From stop to gone.</summary>
    public TimeSpan Drain { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Last words of every start from now on; null lets starts work.</summary>
    public string? StartFailure { get; set; }

    /// <summary>Deployments whose starts alone fail.</summary>
    public HashSet<string> Failing { get; } = [];

    /// <summary>Last words of starts that take addons; null lets them work.</summary>
    public string? AddonStartFailure { get; set; }

    /// <summary>Requests inside a replica; none for those not named.</summary>
    public Dictionary<ReplicaId, int> Requests { get; } = [];

    /// <summary>Whether the owner ended, and left its replicas.</summary>
    public bool? Left { get; private set; }

    /// <summary>No process notices that a wall clock is set.</summary>
    private DateTimeOffset Now => DateTimeOffset.UnixEpoch + time.GetElapsedTime(_begun);

    public int Starts { get; private set; }

    public IEnumerable<ReplicaSpec> Running =>
        _replicas.Values.Where(fake => Phase(fake) != ReplicaPhase.Ended).Select(fake => fake.Spec);

    public IReadOnlyList<ReplicaId> Stopping =>
        [.. _replicas.Values.Where(fake => fake.StoppedAt is not null).Select(fake => fake.Spec.Id)];

    public Task AdoptAsync(CancellationToken cancellation) => Task.CompletedTask;

    /// <summary>What others do while somebody goes through the list of replicas, before each of them.</summary>
    public Action? WhileListed { get; set; }

    public IReadOnlyList<ObservedReplica> List()
    {
        IReadOnlyList<ObservedReplica> all = [.. _replicas.Values.Select(Observe)];
        return WhileListed is { } meanwhile ? new InterruptedList<ObservedReplica>(all, meanwhile) : all;
    }

    public Task StartAsync(ReplicaSpec spec, CancellationToken cancellation)
    {
        if (_replicas.ContainsKey(spec.Id)) return Task.CompletedTask;
        var clash = Running.FirstOrDefault(other => (other.Region, other.AcceleratorType) == (spec.Region, spec.AcceleratorType) && other.Slots.Intersect(spec.Slots).Any());
        if (clash is not null) throw new InvalidOperationException($"{spec.Id} of {spec.Deployment} was started on a slot that {clash.Id} of {clash.Deployment} holds");
        var failure = StartFailure ?? (Failing.Contains(spec.Deployment) ? "it was told to fail" : spec.EnableAddons ? AddonStartFailure : null);
        _replicas[spec.Id] = new(spec, Now, failure);
        Starts++;
        _changes.Writer.TryWrite(spec.Deployment);
        return Task.CompletedTask;
    }

    public Task StopAsync(ReplicaId id, CancellationToken cancellation)
    {
        if (_replicas.TryGetValue(id, out var fake))
        {
            fake.StoppedAt ??= Now;
            _changes.Writer.TryWrite(fake.Spec.Deployment);
        }

        return Task.CompletedTask;
    }

    public Task ForgetAsync(ReplicaId id, CancellationToken cancellation)
    {
        if (_replicas.TryGetValue(id, out var fake) && Phase(fake) == ReplicaPhase.Ended) _replicas.Remove(id);
        return Task.CompletedTask;
    }

    public async IAsyncEnumerable<string> ChangesAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var name in _changes.Reader.ReadAllAsync(cancellation)) yield return name;
    }

    public Task ReleaseAsync(bool leaveReplicas, CancellationToken cancellation)
    {
        Left = leaveReplicas;
        if (!leaveReplicas) _replicas.Clear();
        return Task.CompletedTask;
    }

    /// <summary>Addons that replicas have, by the names that they were loaded under.</summary>
    public Dictionary<ReplicaId, SortedSet<string>> Addons { get; } = [];

    /// <summary>Why addons cannot be loaded from a folder, from now on.</summary>
    public Dictionary<string, string> BadFolders { get; } = [];

    /// <summary>Replicas that answer no call about addons.</summary>
    public HashSet<ReplicaId> Silent { get; } = [];

    /// <summary>What was called, such as <c>list</c> or <c>load NAME</c>.</summary>
    public List<string> AddonCalls { get; } = [];

    /// <summary>While set, loads wait for it.</summary>
    public Task? LoadsWaitFor { get; set; }

    public Task<IReadOnlyList<string>?> ListAddonsAsync(ReplicaId id, CancellationToken cancellation)
    {
        AddonCalls.Add("list");
        return Task.FromResult<IReadOnlyList<string>?>(Silent.Contains(id) ? null : [.. AddonsOf(id)]);
    }

    public async Task<string?> LoadAddonAsync(ReplicaId id, string name, string folder, CancellationToken cancellation)
    {
        AddonCalls.Add($"load {name}");
        if (LoadsWaitFor is { } wait) await wait.WaitAsync(cancellation);
        if (Silent.Contains(id)) return "the replica did not answer";
        if (!_replicas[id].Spec.EnableAddons) return "This replica takes no addons; start it with --enable-addons.";
        if (BadFolders.TryGetValue(folder, out var why)) return why;
        AddonsOf(id).Add(name);
        return null;
    }

    public Task<bool> UnloadAddonAsync(ReplicaId id, string name, CancellationToken cancellation)
    {
        AddonCalls.Add($"unload {name}");
        if (Silent.Contains(id)) return Task.FromResult(false);
        AddonsOf(id).Remove(name);
        return Task.FromResult(true);
    }

    public SortedSet<string> AddonsOf(ReplicaId id)
    {
        if (!Addons.TryGetValue(id, out var names)) Addons.Add(id, names = new(StringComparer.Ordinal));
        return names;
    }

    /// <summary>kill -9.</summary>
    public void Crash(ReplicaId id, string words = "was killed by signal 9")
    {
        _replicas[id].CrashedWith = words;
        _changes.Writer.TryWrite(_replicas[id].Spec.Deployment);
    }

    /// <summary>It stops answering, for a time that the runtime has counted.</summary>
    public void Hang(ReplicaId id, TimeSpan since) => _replicas[id].Stalled = since;

    /// <summary>Somebody else's replica, or one whose record was lost.</summary>
    public void Plant(ReplicaSpec spec) => _replicas[spec.Id] = new(spec, Now, null);

    private ObservedReplica Observe(Fake fake)
    {
        var phase = Phase(fake);
        var ready = phase == ReplicaPhase.Ready;
        var end = phase == ReplicaPhase.Ended ? new ReplicaEnd(fake.StoppedAt is not null, fake.CrashedWith ?? fake.Failure ?? "drained") : null;
        if (phase is ReplicaPhase.Ready or ReplicaPhase.Draining) fake.LastAlive = time.GetTimestamp();
        var endpoint = ready ? new ReplicaEndpoint(fake.Spec.Id, new("http://replica/"), $"/fake/{fake.Spec.Id}", 8) : null;
        var progress = phase == ReplicaPhase.Loading ? 0.5 : (double?)null;
        return new(fake.Spec, phase, endpoint, progress, fake.Stalled, end) { LastAlive = fake.LastAlive, Requests = Requests.GetValueOrDefault(fake.Spec.Id) };
    }

    private ReplicaPhase Phase(Fake fake)
    {
        var now = Now;
        if (fake.CrashedWith is not null) return ReplicaPhase.Ended;
        if (fake.StoppedAt is { } stopped) return now >= stopped + Drain ? ReplicaPhase.Ended : ReplicaPhase.Draining;
        if (now < fake.StartedAt + Boot / 2) return ReplicaPhase.Starting;
        if (fake.Failure is not null) return ReplicaPhase.Ended;
        return now < fake.StartedAt + Boot ? ReplicaPhase.Loading : ReplicaPhase.Ready;
    }

    private sealed class Fake(ReplicaSpec spec, DateTimeOffset startedAt, string? failure)
    {
        public ReplicaSpec Spec => spec;
        public DateTimeOffset StartedAt => startedAt;
        public string? Failure => failure;
        public DateTimeOffset? StoppedAt { get; set; }
        public string? CrashedWith { get; set; }
        public TimeSpan Stalled { get; set; }
        public long? LastAlive { get; set; }
    }
}
