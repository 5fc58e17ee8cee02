using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Reconciling;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Deployments;

/// <summary>
/// One making of a plan: (1) take in what is observed, (2) give up what hangs and give back what is reserved for others,
/// (3) add and remove replicas towards the wanted count, (4) give waiting ones capacity, (5) see whether the wish itself
/// has to change, (6) name the state. Used once.
/// </summary>
internal sealed partial class ReplicaPlanner(ReplicaPlanInput input, Func<ReplicaId> newId)
{
    private readonly Deployment _deployment = input.Deployment;
    private readonly DeploymentsOptions _options = input.Options;
    private readonly DateTimeOffset _now = input.Now;
    private readonly Dictionary<ReplicaId, ObservedReplica> _observed =
        input.Observed.ToDictionary(observed => observed.Id);
    private readonly List<Replica> _replicas = [.. input.Deployment.Status.Replicas];
    private readonly List<ReplicaStep> _steps = [];

    // A new generation gets new tries: what failed may be what was changed.
    private StartFailures? _failures =
        input.Deployment.Status.ObservedGeneration == input.Deployment.Generation ? input.Deployment.Status.Failures : null;

    private Region? _region = input.Deployment.Status.Region;
    private TimeSpan? _lookAgainAfter;
    private DeploymentChange? _change;
    private IdleVerdict _idle = IdleVerdict.Kept;

    private int Desired => GaveUp ? 0 : _deployment.DesiredReplicas;

    /// <summary>Only a create gives up: a deployment that was READY once has users who wait for it.</summary>
    private bool GaveUp => OutOfTries && _deployment.Status.ReadyGeneration == 0;

    private bool OutOfTries => _failures is { } failures && failures.Count >= _options.MaxTries;

    public ReplicaPlan Plan()
    {
        TakeIn();
        GiveUpHanging();
        GiveBack();
        ForgetOldFailures();
        Resize();
        Place();
        Reconsider();
        return Finish();
    }

    /// <summary>Step 1: what is gone is dropped, what came further is noted, what nobody knows is stopped.</summary>
    private void TakeIn()
    {
        for (var i = _replicas.Count - 1; i >= 0; i--)
        {
            var replica = _replicas[i];
            if (replica.State == ReplicaState.Pending) continue;
            if (_observed.TryGetValue(replica.Id, out var seen)) TakeIn(i, replica, seen);
            // recorded, never started: the owner was killed between
            else if (replica.State == ReplicaState.Starting) _steps.Add(new ReplicaStep.Start(replica));
            else Drop(i, failure: replica.State == ReplicaState.Draining ? null : "its directory is gone");
        }

        foreach (var orphan in _observed.Values.Where(seen => _deployment.Status.Replicas.All(replica => replica.Id != seen.Id)))
        {
            _steps.Add(orphan.Phase == ReplicaPhase.Ended ? new ReplicaStep.Forget(orphan.Id) : new ReplicaStep.Stop(orphan.Id));
        }
    }

    private void TakeIn(int index, Replica replica, ObservedReplica seen)
    {
        if (seen.Phase == ReplicaPhase.Ended)
        {
            var orderly = replica.State == ReplicaState.Draining || seen.End is { Orderly: true };
            Drop(index, orderly ? null : seen.End?.Message ?? "it ended without a word");
            _steps.Add(new ReplicaStep.Forget(replica.Id));
        }
        else if (replica.State == ReplicaState.Draining)
        {
            // again: the owner may have been killed between record and stop
            _steps.Add(new ReplicaStep.Stop(replica.Id));
        }
        else
        {
            var state = seen.Phase switch
            {
                ReplicaPhase.Starting when replica.ReadyTime is not null => ReplicaState.Ready, // adopted, not asked yet
                ReplicaPhase.Starting => ReplicaState.Starting,
                ReplicaPhase.Loading => ReplicaState.Loading,
                ReplicaPhase.Ready => ReplicaState.Ready,
                _ => ReplicaState.Draining, // somebody else told it to
            };
            if (state == ReplicaState.Ready && replica.ReadyTime is null) NoteStart(replica);
            _replicas[index] = replica with { State = state, ReadyTime = replica.ReadyTime ?? (state == ReplicaState.Ready ? _now : null) };
        }
    }

    /// <summary>Step 2: a replica that stands still is stopped and counts as failed.</summary>
    private void GiveUpHanging()
    {
        for (var i = 0; i < _replicas.Count; i++)
        {
            var replica = _replicas[i];
            if (!_observed.TryGetValue(replica.Id, out var seen)) continue;
            var (patience, fault) = replica.State switch
            {
                ReplicaState.Starting or ReplicaState.Loading => (_options.StartStall, "it came no further while starting"),
                ReplicaState.Ready => (_options.Unresponsive, "it did not answer"),
                _ => (TimeSpan.MaxValue, ""),
            };
            if (seen.Stalled < patience) continue;
            Fail(replica, $"{fault} for {patience.TotalSeconds:0} s");
            Stop(i);
        }
    }

    private void ForgetOldFailures()
    {
        if (_failures is null || GaveUp || StableTime is not { } stableAt) return;
        if (stableAt <= _now) _failures = null;
        else LookAgainAt(stableAt);
    }

    /// <summary>From when on the start of this revision counts as a success; null while not all that are wanted
    /// answer.</summary>
    private DateTimeOffset? StableTime
    {
        get
        {
            var ready = Live.Where(replica => IsCurrent(replica) && replica.State == ReplicaState.Ready).ToList();
            return ready.Count == 0 || ready.Count < Desired ? null : ready.Max(replica => replica.ReadyTime!.Value) + _options.StableAfter;
        }
    }

    private IEnumerable<Replica> Live => _replicas.Where(replica => replica.State != ReplicaState.Draining);

    private void Drop(int index, string? failure)
    {
        if (failure is not null) Fail(_replicas[index], failure);
        _replicas.RemoveAt(index);
    }

    private void Stop(int index)
    {
        var replica = _replicas[index];
        if (replica.State == ReplicaState.Pending)
        {
            _replicas.RemoveAt(index); // nothing runs yet
            return;
        }

        _replicas[index] = replica with { State = ReplicaState.Draining };
        if (_steps.RemoveAll(step => step is ReplicaStep.Start && step.Id == replica.Id) > 0 && !_observed.ContainsKey(replica.Id))
        {
            _replicas.RemoveAt(index); // recorded, never started
            return;
        }

        _steps.Add(new ReplicaStep.Stop(replica.Id));
    }

    /// <summary>
    /// Replicas that were wanted before the last failure belong to its round and do not count again; those of an
    /// earlier revision say nothing about this one.
    /// </summary>
    private void Fail(Replica replica, string message)
    {
        if (!IsCurrent(replica)) return;
        var sameRound = _failures is { } last && replica.CreateTime < last.Time;
        _failures = new(sameRound ? _failures!.Count : (_failures?.Count ?? 0) + 1, _now, message);
    }

    private void LookAgainAt(DateTimeOffset time) => LookAgainAfter(time - _now);

    private void LookAgainAfter(TimeSpan delay)
    {
        if (delay > LongestLook) delay = LongestLook;
        if (_lookAgainAfter is null || delay < _lookAgainAfter) _lookAgainAfter = delay < TimeSpan.Zero ? TimeSpan.Zero : delay;
    }

    /// <summary>A failure that lies ahead is of a clock that was set back since: nobody waits for that.</summary>
    private DateTimeOffset NextTry => _failures is { } failures && failures.Time <= _now
        ? failures.Time + new Backoff(_options.FirstRetryDelay, _options.MaxRetryDelay).After(failures.Count, _deployment.Name.ToString())
        : _now;
}
