using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Stoker.Api.Names;
using Stoker.ControlPlane.Metering;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Metering;

/// <summary>A replica as it really is.</summary>
internal sealed class Life(ReplicaSpec spec, DeploymentName deployment)
{
    public ReplicaSpec Spec => spec;
    public DeploymentName Deployment => deployment;
    public ReplicaPhase Phase { get; set; } = ReplicaPhase.Loading;
    public bool IsHung { get; set; }

    /// <summary>It hung at some moment since it last proved its life.</summary>
    public bool WasHung { get; set; }

    /// <summary>The times in which no server heard of it, and why: it hung, or there was no server.</summary>
    public List<(TimeSpan From, TimeSpan To, bool Hung)> Silences { get; } = [];

    /// <summary>The deployment's status has it; without, it is an orphan.</summary>
    public bool IsRecorded { get; set; } = true;

    /// <summary>A child of the server that runs now, whose end the system reports.</summary>
    public bool IsChild { get; set; } = true;

    /// <summary>What the server that runs now has: a timestamp of its clock.</summary>
    public long? LastAlive { get; set; }

    /// <summary>What it wrote down itself in this boot.</summary>
    public long? OwnSign { get; set; }

    /// <summary>The same in real time.</summary>
    public TimeSpan? SignedAt { get; set; }

    /// <summary>The same in real time.</summary>
    public TimeSpan? AnsweredAt { get; set; }

    /// <summary>When the server that runs now first looked and found it ready, in real time.</summary>
    public TimeSpan? SeenReadyAt { get; set; }

    /// <summary>When it last proved its life to any server, in real time.</summary>
    public TimeSpan? ProvedAt { get; set; }

    /// <summary>Half of them cannot: their directory takes no file.</summary>
    public bool CanSign => Spec.Slots.Count % 2 == 0;

    public void LoseSign() => (OwnSign, SignedAt) = (null, null);

    /// <summary>It lives, and answers who asks.</summary>
    public bool Answers => !IsHung && Phase is ReplicaPhase.Ready or ReplicaPhase.Draining;
}

/// <summary>
/// A machine with clocks, replicas, a ledger in memory, and a server that may be killed: everything that the ledger
/// sees, and none of its code. Health is asked every second and the ledger beats on time, as in a server.
/// </summary>
internal sealed class MeteringWorld
{
    /// <summary>Not a whole number of anything, so that no rounding can hide.</summary>
    private static readonly TimeSpan Look = TimeSpan.FromTicks(10_000_137);

    private readonly List<Life> _all = [];
    private readonly List<Life> _lives = [];
    private ReplicaLedger? _ledger;
    private TimeSpan _beatAt;
    private int _ids;

    public SteppedTime Time { get; } = new(new(2030, 1, 1, 23, 50, 0, TimeSpan.Zero));

    public MemoryLedgerStore Store { get; } = new();

    /// <summary>Those that the runtime knows.</summary>
    public IReadOnlyList<Life> Lives => _lives;

    public HashSet<ReplicaId> Reserved { get; } = [];

    public bool HasServer => _ledger is not null;

    public static DeploymentName Name(int number) => DeploymentName.Parse($"accounts/acme/deployments/d{number}");

    public async Task StartServerAsync()
    {
        KillServer();
        var ledger = new ReplicaLedger(Store, Time, NullLogger<ReplicaLedger>.Instance, Time.BootId);
        _beatAt = Time.Passed + LedgerRule.Beat;
        await CrashAsync(async () =>
        {
            _ledger = ledger;
            await ledger.TakeOverAsync(List, default);
        });
    }

    /// <summary>Its memory is gone; what it started lives on.</summary>
    public void KillServer()
    {
        _ledger = null;
        foreach (var life in _all) (life.IsChild, life.LastAlive, life.AnsweredAt, life.SeenReadyAt) = (false, null, null, null);
    }

    /// <summary>Another server takes the ledger over while this one does not know.</summary>
    public Task<IReadOnlyList<OpenReplica>> LoseLedgerAsync() => Store.TakeOverAsync("another", default);

    public Life Start(int deployment = 0, int accelerators = 1)
    {
        var spec = new ReplicaSpec
        {
            Id = ReplicaId.Parse($"r{_ids++:00000000000}"),
            Deployment = Name(deployment).ToString(),
            Revision = 1,
            ModelFolder = "/m",
            ServedModelName = "m",
            Region = "LOCAL",
            AcceleratorType = "CPU",
            Slots = [.. Enumerable.Range(0, accelerators)],
            ContextLength = 10,
            MemoryBytes = 1,
        };
        _all.Add(new(spec, Name(deployment)));
        _lives.Add(_all[^1]);
        return _all[^1];
    }

    public async Task<Life> ReadyAsync(int deployment = 0, int accelerators = 1)
    {
        var life = Start(deployment, accelerators);
        life.Phase = ReplicaPhase.Ready;
        Ask(life);
        await ObserveAsync(deployment);
        return life;
    }

    /// <summary>Also one that is forgotten by now.</summary>
    public Life Find(ReplicaId id) => _all.Single(life => life.Spec.Id == id);

    public void Die(Life life)
    {
        if (life.Phase == ReplicaPhase.Ended) return;
        if (HasServer && life is { IsChild: true, IsHung: false, LastAlive: not null }) Ask(life);
        life.Phase = ReplicaPhase.Ended;
    }

    /// <summary>A restart of the machine: everything on it ends, and what an earlier boot left cannot be compared.</summary>
    public void Reboot()
    {
        KillServer();
        foreach (var life in _lives)
        {
            Die(life);
            life.LoseSign();
        }

        Time.Advance(TimeSpan.FromSeconds(95.5));
        Time.Reboot();
    }

    /// <summary>A proof of life, if there is one.</summary>
    public void Ask(Life life)
    {
        if (!HasServer || !life.Answers) return;
        if (life.ProvedAt is { } before && Time.Passed - before > Look) life.Silences.Add((before, Time.Passed, life.WasHung));
        life.WasHung = false;
        (life.LastAlive, life.AnsweredAt, life.ProvedAt) = (Time.GetTimestamp(), Time.Passed, Time.Passed);
    }

    /// <summary>What it writes beside its socket every few seconds, whether a server runs or not.</summary>
    private void Sign(Life life) => (life.OwnSign, life.SignedAt) = (Time.GetTimestamp(), Time.Passed);

    public async Task PassAsync(TimeSpan time)
    {
        for (var end = Time.Passed + time; Time.Passed < end;)
        {
            Time.Advance(Look);
            foreach (var life in _all.Where(life => life.Answers && life.CanSign)) Sign(life);
            foreach (var life in _lives.ToList())
            {
                var isNews = life.AnsweredAt is null;
                Ask(life);
                // The runtime tells of a first answer, and the reconciler looks.
                if (isNews && life.AnsweredAt is not null) await ObserveAsync(int.Parse(life.Deployment.Deployment.ToString()[1..], CultureInfo.InvariantCulture));
            }

            if (HasServer && Time.Passed >= _beatAt) await BeatAsync();
        }
    }

    public Task PassAsync(double seconds) => PassAsync(TimeSpan.FromSeconds(seconds));

    public async Task BeatAsync()
    {
        _beatAt = Time.Passed + LedgerRule.Beat;
        await CrashAsync(() => _ledger!.BeatAsync(List, default));
    }

    /// <summary>The reconciler's look: the ledger first, then what ended is forgotten.</summary>
    public async Task ObserveAsync(int deployment = 0)
    {
        if (!HasServer) return;
        var own = _lives.Where(life => life.Deployment == Name(deployment)).ToList();
        foreach (var life in own.Where(life => life is { Phase: ReplicaPhase.Ready, IsRecorded: true, SeenReadyAt: null }))
        {
            life.SeenReadyAt = Time.Passed;
            life.ProvedAt ??= Time.Passed; // its own word that it is ready
        }

        var recorded = own.Where(life => life.IsRecorded && life.Phase != ReplicaPhase.Ended)
            .Select(life => new Replica(life.Spec.Id, 1, State(life.Phase), Allotment: null, LedgerEvents.Noon)).ToList();
        await CrashAsync(() => _ledger!.ObserveAsync(Name(deployment), LedgerEvents.Noon, recorded, [.. own.Select(Seen)], Reserved, default));
        if (!HasServer) return;
        foreach (var life in own.Where(life => life.Phase == ReplicaPhase.Ended)) Forget(life);
    }

    /// <summary>What it wrote goes with its directory.</summary>
    private void Forget(Life life)
    {
        _lives.Remove(life);
        life.LoseSign();
    }

    public IReadOnlyList<ReplicaInterval> Intervals() => ReplicaInterval.From(Store.All);

    private IReadOnlyList<ObservedReplica> List() => [.. _lives.Select(Seen)];

    private static ObservedReplica Seen(Life life) =>
        new(life.Spec, life.Phase, Endpoint: null, Progress: null, TimeSpan.Zero, End: null) { LastAlive = life.LastAlive ?? (life.Phase == ReplicaPhase.Ended ? life.OwnSign : null) };

    private static ReplicaState State(ReplicaPhase phase) => phase switch
    {
        ReplicaPhase.Ready => ReplicaState.Ready,
        ReplicaPhase.Draining => ReplicaState.Draining,
        _ => ReplicaState.Loading,
    };

    private async Task CrashAsync(Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (CrashException)
        {
            KillServer();
        }
    }
}
