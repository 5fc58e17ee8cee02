using System.Collections.Immutable;
using Stoker.Api.Names;
using Stoker.ControlPlane.Reconciling;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Addons;

/// <summary>An addon that a deployment is to have, or to let go.</summary>
/// <param name="ServedName">Null when its files are not to be had, for <paramref name="Problem"/>.</param>
/// <param name="Folder">Its files.</param>
public sealed record WishedAddon(DeployedModelName Name, string? ServedName, string? Folder, string? Problem, bool Unload, DeployedModelStatus Status)
{
    /// <summary>Requests wait for it now.</summary>
    public bool IsWaitedFor { get; init; }

    /// <summary>Nobody used it for long: replicas let go of it until somebody does.</summary>
    public bool IsCold { get; init; }

    /// <summary>Whether a replica is to have it now.</summary>
    public bool IsWanted => !Unload && !IsCold;
}

/// <summary>Tries of one addon on one replica that failed in a row.</summary>
/// <param name="At">Of the last one.</param>
public sealed record AddonFailure(int Count, DateTimeOffset At, string Message);

/// <summary>A ready replica, and what is known of its addons.</summary>
/// <param name="Has">Served names; null: it was not asked yet.</param>
/// <param name="Busy">Steps are under way: it gets no others now.</param>
public sealed record AddonReplica(
    ReplicaId Id, IReadOnlySet<string>? Has, IReadOnlyDictionary<string, AddonFailure> Failures, bool Busy, DateTimeOffset? AskAgainAt = null)
{
    /// <summary>It lacked one that it should have had: what else it has is asked again.</summary>
    public bool IsDoubted { get; init; }

    /// <summary>Questions in a row that it did not answer.</summary>
    public int Unanswered { get; init; }

    /// <summary>Since when it lacks some without a break; null when it lacks none.</summary>
    public DateTimeOffset? LackingSince { get; init; }

    /// <summary>What the steps under way bring because requests wait for it.</summary>
    public IReadOnlySet<string> Bringing { get; init; } = ImmutableHashSet<string>.Empty;
}

/// <summary>What to do on one replica.</summary>
public abstract record AddonStep(ReplicaId Replica)
{
    public sealed record Ask(ReplicaId Replica) : AddonStep(Replica);

    public sealed record Load(ReplicaId Replica, string ServedName, string Folder) : AddonStep(Replica)
    {
        /// <summary>Requests wait for it: that it is there is told at once.</summary>
        public bool IsWaitedFor { get; init; }
    }

    public sealed record Unload(ReplicaId Replica, string ServedName) : AddonStep(Replica);
}

/// <param name="MaxTries">Of one addon on one replica.</param>
/// <param name="MaxAsks">
/// After so many questions without an answer nobody waits for the replica any more: neither states nor those who replace replicas. It is
/// asked on.
/// </param>
/// <param name="Batch">Steps that a replica gets at a time: what was asked meanwhile comes in between.</param>
/// <param name="Settle">
/// A replica that began to lack addons no longer ago leaves states as they are: most loads are over by then, and a state that
/// flickers with every start helps nobody.
/// </param>
public sealed record AddonLimits(int MaxTries, int MaxAsks, int Batch, Backoff Backoff, TimeSpan Settle)
{
    /// <summary>
    /// Three tries in some ten seconds: a file that was being written is whole by then. Five questions in some fifteen, longer where each
    /// waits for its answer: a replica that is only busy has answered one.
    /// </summary>
    public static AddonLimits Default { get; } = new(MaxTries: 3, MaxAsks: 5, Batch: 32, new(TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(1)), AddonProgress.Settle);
}

/// <summary>The next steps of a deployment's addons: pure.</summary>
/// <param name="Statuses">Of every addon, as it is now.</param>
/// <param name="Remove">Those that no replica has any more, and that were to go.</param>
/// <param name="Hurry">Replicas that are to leave their steps after the one under way, because requests wait for another addon.</param>
public sealed record AddonPlan(
    IReadOnlyList<AddonStep> Steps, IReadOnlyDictionary<DeployedModelName, DeployedModelStatus> Statuses, IReadOnlyList<DeployedModelName> Remove,
    IReadOnlyList<ReplicaId> Hurry, TimeSpan? LookAgainAfter)
{
    public static AddonPlan For(IReadOnlyList<WishedAddon> wished, IReadOnlyList<AddonReplica> replicas, AddonLimits limits, DateTimeOffset now)
    {
        var (steps, statuses, remove) = (new List<AddonStep>(), new Dictionary<DeployedModelName, DeployedModelStatus>(), new List<DeployedModelName>());
        TimeSpan? again = null;
        foreach (var replica in replicas.Where(replica => !replica.Busy)) LookAgainAfter(StepsOf(replica, wished, limits, now, steps));
        foreach (var addon in wished)
        {
            if (addon.Unload && (IsElsewhere(addon) || !replicas.Any(replica => MayHave(replica, addon) && !IsMute(replica, limits)))) remove.Add(addon.Name);
            statuses[addon.Name] = StatusOf(addon, replicas, limits, now);
        }

        foreach (var replica in replicas) LookAgainAfter(SettlesIn(replica, limits, now));
        return new(steps, statuses, remove, [.. replicas.Where(replica => IsHurried(replica, wished, limits, now)).Select(replica => replica.Id)], again);

        // Of a shared deployment's accounts several may have the same addon: it stays for the others.
        bool IsElsewhere(WishedAddon addon) => wished.Any(other => !other.Unload && other.ServedName == addon.ServedName);

        void LookAgainAfter(TimeSpan? delay)
        {
            if (delay is not null && (again is null || delay < again)) again = delay;
        }
    }

    /// <summary>Addons that the replica lacks and that are still tried.</summary>
    public static int Missing(AddonReplica replica, IReadOnlyList<WishedAddon> wished, AddonLimits limits) => IsMute(replica, limits) ? 0
        : wished.Count(addon => addon is { IsWanted: true, ServedName: { } name } && replica.Has?.Contains(name) != true && !GaveUp(replica, name, limits));

    /// <summary>
    /// First what requests wait for; then what it is to let go, which makes room; then what it lacks, in the order in which it was
    /// wished.
    /// </summary>
    /// <returns>When the first of those that failed may be tried again.</returns>
    private static TimeSpan? StepsOf(
        AddonReplica replica, IReadOnlyList<WishedAddon> wished, AddonLimits limits, DateTimeOffset now, List<AddonStep> steps)
    {
        if (replica.Has is not { } has || replica.IsDoubted)
        {
            if (replica.AskAgainAt is { } later && later > now) return later - now;
            steps.Add(new AddonStep.Ask(replica.Id));
            return null;
        }

        TimeSpan? again = null;
        var room = limits.Batch;
        Load(waitedFor: true);
        var kept = wished.Where(addon => addon is { IsWanted: true, ServedName: not null }).Select(addon => addon.ServedName!).ToHashSet(StringComparer.Ordinal);
        foreach (var name in has.Where(name => !kept.Contains(name)).Order(StringComparer.Ordinal))
        {
            if (Due(name) && room-- > 0) steps.Add(new AddonStep.Unload(replica.Id, name));
        }

        Load(waitedFor: false);
        return again;

        void Load(bool waitedFor)
        {
            foreach (var addon in wished)
            {
                if (addon.IsWaitedFor != waitedFor || addon is not { IsWanted: true, ServedName: { } name, Folder: { } folder } || has.Contains(name)) continue;
                if (GaveUp(replica, name, limits) || !Due(name)) continue;
                if (room-- > 0) steps.Add(new AddonStep.Load(replica.Id, name, folder) { IsWaitedFor = waitedFor });
            }
        }

        bool Due(string name)
        {
            if (DueIn(replica, name, limits, now) is not { } wait) return true;
            if (again is null || wait < again) again = wait;
            return false;
        }
    }

    /// <summary>Whether it works at other steps while requests wait for what it could bring.</summary>
    private static bool IsHurried(AddonReplica replica, IReadOnlyList<WishedAddon> wished, AddonLimits limits, DateTimeOffset now) =>
        replica is { Busy: true, Has: { } has } && wished.Any(addon =>
            addon is { IsWaitedFor: true, Unload: false, ServedName: { } name, Folder: not null }
            && !has.Contains(name) && !replica.Bringing.Contains(name) && !GaveUp(replica, name, limits) && DueIn(replica, name, limits, now) is null);

    /// <summary>Null: now.</summary>
    private static TimeSpan? DueIn(AddonReplica replica, string name, AddonLimits limits, DateTimeOffset now)
    {
        if (!replica.Failures.TryGetValue(name, out var failure) || failure.At > now) return null; // a clock that was set back holds up nobody
        var wait = failure.At + limits.Backoff.After(failure.Count + 1, name) - now;
        return wait <= TimeSpan.Zero ? null : wait;
    }

    private static DeployedModelStatus StatusOf(WishedAddon addon, IReadOnlyList<AddonReplica> replicas, AddonLimits limits, DateTimeOffset now)
    {
        if (addon.Unload) return new(DeployedModelState.Undeploying, null);
        if (addon is not { ServedName: { } name }) return new(DeployedModelState.Failed, addon.Problem);
        if (addon.IsCold) return addon.Status.State == DeployedModelState.Failed ? addon.Status : new(DeployedModelState.Deployed, null);
        var lacking = replicas.Where(replica => replica.Has?.Contains(name) != true).ToList();
        if (lacking.Count == 0)
        {
            // Without replicas nobody says that a failure is over: the next one will.
            return replicas.Count == 0 && addon.Status.State == DeployedModelState.Failed ? addon.Status : new(DeployedModelState.Deployed, null);
        }

        var failure = lacking.Select(replica => replica.Failures.GetValueOrDefault(name)).OfType<AddonFailure>().MaxBy(failure => failure.Count);
        if (failure is not null) return FailingStatus(addon.Status, failure, limits);
        if (lacking.Exists(replica => IsMute(replica, limits)))
        {
            return new(DeployedModelState.Failed, $"A replica did not say in {limits.MaxAsks} questions which addons it has: it is asked on, and gets it as soon as it answers");
        }

        var isSettled = lacking.Exists(replica => replica.LackingSince is not null && SettlesIn(replica, limits, now) is null);
        if (addon.Status.State == DeployedModelState.Failed || !isSettled) return addon.Status;
        return new(DeployedModelState.Deploying, $"{replicas.Count - lacking.Count} of {replicas.Count} ready replicas have it; the others are being given it");
    }

    private static DeployedModelStatus FailingStatus(DeployedModelStatus before, AddonFailure failure, AddonLimits limits)
    {
        var reason = failure.Message.TrimEnd('.');
        if (failure.Count >= limits.MaxTries)
        {
            return new(DeployedModelState.Failed, $"It could not be loaded in {limits.MaxTries} tries: {reason}. Mend the cause, undeploy it, and deploy it again");
        }

        return before.State == DeployedModelState.Failed
            ? before
            : before with { Message = $"A replica could not load it (try {failure.Count} of {limits.MaxTries}): {reason}" };
    }

    /// <summary>Null: it lacks none, or has lacked some for long.</summary>
    private static TimeSpan? SettlesIn(AddonReplica replica, AddonLimits limits, DateTimeOffset now) =>
        replica.LackingSince is { } since && since <= now && since + limits.Settle > now ? since + limits.Settle - now : null;

    private static bool GaveUp(AddonReplica replica, string name, AddonLimits limits) =>
        replica.Failures.TryGetValue(name, out var failure) && failure.Count >= limits.MaxTries;

    /// <summary>It does not say what it has, and that for long.</summary>
    private static bool IsMute(AddonReplica replica, AddonLimits limits) => replica.Unanswered >= limits.MaxAsks;

    /// <summary>Whether a replica has it or may get it; without replicas the next one tries anew.</summary>
    public static bool MayCome(WishedAddon addon, IReadOnlyList<AddonReplica> replicas, AddonLimits limits) => addon.ServedName is { } name
        && (replicas.Count == 0 || replicas.Any(replica => replica.Has?.Contains(name) == true || (!GaveUp(replica, name, limits) && !IsMute(replica, limits))));

    private static bool MayHave(AddonReplica replica, WishedAddon addon) => addon.ServedName is { } name && replica.Has?.Contains(name) != false;
}
