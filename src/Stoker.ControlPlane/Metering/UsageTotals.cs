using Stoker.Api.Names;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Metering;

/// <summary>What a deployment has used since it was created.</summary>
/// <param name="ReplicaTime">Of all its replicas together.</param>
/// <param name="AcceleratorTime">Of all their accelerators together: GPU seconds.</param>
/// <param name="ReservedTime">The part of the accelerators' time that was reserved capacity.</param>
public sealed record UsageSoFar(TimeSpan ReplicaTime, TimeSpan AcceleratorTime, TimeSpan ReservedTime)
{
    public static UsageSoFar Nothing { get; } = new(TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero);

    public UsageSoFar Plus(MeteredReplica what, TimeSpan time)
    {
        var accelerators = time.Times(what.AcceleratorCount);
        return new(ReplicaTime + time, AcceleratorTime + accelerators, ReservedTime + (what.Reserved ? accelerators : TimeSpan.Zero));
    }

    public UsageSoFar Plus(UsageSoFar other) =>
        new(ReplicaTime + other.ReplicaTime, AcceleratorTime + other.AcceleratorTime, ReservedTime + other.ReservedTime);
}

/// <summary>
/// The totals of all deployments up to what is written, each event read once. A list of thousands of deployments costs
/// no more than the events since the list before.
/// </summary>
public sealed class UsageTotals(ILedgerStore store)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(DeploymentName Name, DateTimeOffset CreateTime), Sum> _sums = [];
    private readonly Dictionary<ReplicaId, Open> _open = [];
    private LedgerPlace _place = LedgerPlace.Start;

    /// <summary>Reads what was written since the last time.</summary>
    public async ValueTask RefreshAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var place = _place;
            if (await store.ReadAsync(place, cancellation) is not { } reading) return;
            lock (_lock)
            {
                if (_place != place) continue; // another reader was faster: see whether it has all
                Take_NeedsLock(reading);
                return;
            }
        }
    }

    /// <summary>As of the last refresh.</summary>
    /// <param name="createTime">The deployment's: of several that had the name one after another, this one.</param>
    public UsageSoFar Of(DeploymentName name, DateTimeOffset createTime)
    {
        lock (_lock)
        {
            return _sums.TryGetValue((name, createTime), out var sum) ? sum.Total : UsageSoFar.Nothing;
        }
    }

    /// <summary>
    /// As of the last refresh: all deployments that an account ever had and that used something, also those that are gone.
    /// </summary>
    public IReadOnlyList<DeploymentUse> Of(AccountName account)
    {
        lock (_lock)
        {
            return
            [
                .. _sums.Where(pair => pair.Key.Name.Parent == account)
                    .Select(pair => new DeploymentUse(pair.Key.Name, pair.Key.CreateTime, pair.Value.Total)),
            ];
        }
    }

    private void Take_NeedsLock(LedgerReading reading)
    {
        foreach (var written in reading.Events) Take_NeedsLock(written);
        foreach (var proof in reading.Proofs)
        {
            if (_open.TryGetValue(proof.Replica, out var open)) open.Proof = proof.At;
        }

        _place = reading.Place;
    }

    private void Take_NeedsLock(LedgerEvent written)
    {
        if (_open.Remove(written.Replica, out var before)) before.Sum.Settle(before, written.At);
        if (written.Kind == LedgerEventKind.Ended) return;
        var key = (written.What.Deployment, written.What.DeploymentTime);
        if (!_sums.TryGetValue(key, out var sum)) _sums.Add(key, sum = new());
        _open.Add(written.Replica, sum.Begin(written));
    }

    /// <summary>A replica that runs, from its last event to its newest proof, which at first is the event.</summary>
    private sealed class Open(LedgerEvent last, Sum sum)
    {
        public Sum Sum => sum;

        public BootStamp Proof { get; set; } = last.At;

        public UsageSoFar AddTo(UsageSoFar usage, BootStamp to) => usage.Plus(last.What, LedgerRule.Elapsed(last.At, to));
    }

    /// <summary>Of one deployment: what is over, and what still runs.</summary>
    private sealed class Sum
    {
        private readonly List<Open> _running = [];
        private UsageSoFar _settled = UsageSoFar.Nothing;

        public UsageSoFar Total => _running.Aggregate(_settled, (sum, open) => open.AddTo(sum, open.Proof));

        public Open Begin(LedgerEvent from)
        {
            var open = new Open(from, this);
            _running.Add(open);
            return open;
        }

        public void Settle(Open open, BootStamp to)
        {
            _running.Remove(open);
            _settled = open.AddTo(_settled, to);
        }
    }
}

/// <summary>What one deployment used, of those that had its name the one of this time.</summary>
public sealed record DeploymentUse(DeploymentName Deployment, DateTimeOffset CreateTime, UsageSoFar Usage);
