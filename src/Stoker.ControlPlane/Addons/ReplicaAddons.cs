using System.Collections.Immutable;
using Stoker.ControlPlane.Reconciling;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Addons;

/// <summary>
/// What is known of one replica's addons, and the one who has it load and let go: one batch of steps at a time, beside those
/// of other replicas, so that one that does not answer holds up nobody.
/// </summary>
internal sealed class ReplicaAddons(ReplicaId id, IReplicaRuntime runtime, TimeProvider time)
{
    /// <summary>One that did not say what it has is asked again after this, and less and less often.</summary>
    private static readonly Backoff AskPauses = new(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));

    private readonly Lock _lock = new();
    private AddonReplica _known = new(id, Has: null, ImmutableDictionary<string, AddonFailure>.Empty, Busy: false);
    private volatile bool _isHurried;

    public AddonReplica Known
    {
        get { lock (_lock) return _known; }
    }

    /// <summary>Forgets failures of what nobody wishes any more: who deploys it again gets new tries.</summary>
    public void ForgetOthers(IReadOnlySet<string> wished)
    {
        lock (_lock)
        {
            var failures = (ImmutableDictionary<string, AddonFailure>)_known.Failures;
            var gone = failures.Keys.Where(name => !wished.Contains(name) && _known.Has?.Contains(name) != true).ToList();
            if (gone.Count > 0) _known = _known with { Failures = failures.RemoveRange(gone) };
        }
    }

    /// <summary>It lacks one that it should have had, so others may be gone too.</summary>
    public void Doubt(string name) => Set(known => known.Has is ImmutableHashSet<string> has ? known with { Has = has.Remove(name), IsDoubted = true } : known);

    /// <summary>Whether it lacks addons now; since when is kept.</summary>
    public void NoteLacking(bool lacks)
    {
        var now = time.GetUtcNow();
        Set(known => known with { LackingSince = lacks ? known.LackingSince ?? now : null });
    }

    /// <summary>The steps under way end with the one that is being taken.</summary>
    public void Hurry() => _isHurried = true;

    /// <summary>Takes the steps one after the other, at the least one of them. Ends early by cancellation or <see cref="Hurry"/>.</summary>
    /// <param name="told">Called after each load that requests wait for.</param>
    public async Task RunAsync(IReadOnlyList<AddonStep> steps, Action told, CancellationToken cancellation)
    {
        _isHurried = false;
        var bringing = steps.OfType<AddonStep.Load>().Where(load => load.IsWaitedFor).Select(load => load.ServedName).ToImmutableHashSet(StringComparer.Ordinal);
        Set(known => known with { Busy = true, Bringing = bringing });
        try
        {
            foreach (var step in steps)
            {
                await RunAsync(step, cancellation);
                if (step is AddonStep.Load { IsWaitedFor: true }) told();
                if (_isHurried) break;
            }
        }
        finally
        {
            Set(known => known with { Busy = false, Bringing = ImmutableHashSet<string>.Empty });
        }
    }

    private async Task RunAsync(AddonStep step, CancellationToken cancellation)
    {
        switch (step)
        {
            case AddonStep.Ask:
                var names = await runtime.ListAddonsAsync(id, cancellation);
                Set(known => names is null
                    ? known with { Unanswered = known.Unanswered + 1, AskAgainAt = time.GetUtcNow() + AskPauses.After(known.Unanswered + 2, id.ToString()) }
                    : known with { Has = names.ToImmutableHashSet(StringComparer.Ordinal), IsDoubted = false, Unanswered = 0, AskAgainAt = null });
                break;
            case AddonStep.Load load: // its reason is read by clients, whom this machine's paths are no business of
                var refusal = await runtime.LoadAddonAsync(id, load.ServedName, load.Folder, cancellation);
                Note(load.ServedName, refusal?.Replace(load.Folder + "/", "", StringComparison.Ordinal).Replace(load.Folder, "its files", StringComparison.Ordinal), has: refusal is null);
                break;
            case AddonStep.Unload unload:
                var isGone = await runtime.UnloadAddonAsync(id, unload.ServedName, cancellation);
                Note(unload.ServedName, isGone ? null : "it did not let it go", has: !isGone);
                break;
        }
    }

    private void Note(string name, string? failure, bool has) => Set(known =>
    {
        var (names, failures) = ((ImmutableHashSet<string>)known.Has!, (ImmutableDictionary<string, AddonFailure>)known.Failures);
        return known with
        {
            Has = has ? names.Add(name) : names.Remove(name),
            Failures = failure is null
                ? failures.Remove(name)
                : failures.SetItem(name, new((failures.GetValueOrDefault(name)?.Count ?? 0) + 1, time.GetUtcNow(), failure)),
        };
    });

    private void Set(Func<AddonReplica, AddonReplica> change)
    {
        lock (_lock) _known = change(_known);
    }
}
