using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Stoker.Api.Names;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Replicas;

/// <summary>How far one replica is with the addons of its deployment.</summary>
/// <param name="Missing">Those that it lacks and that are still tried; others it has, or it gave up on them.</param>
/// <param name="Since">Since when it lacks some; null when it lacks none.</param>
public sealed record ReplicaFilling(int Loaded, int Missing, DateTimeOffset? Since);

/// <summary>How far the ready replicas of one deployment are with its addons.</summary>
public sealed record AddonProgress(int Deployed, ImmutableDictionary<ReplicaId, ReplicaFilling> Replicas)
{
    /// <summary>What lasts no longer than this is not told in states.</summary>
    public static readonly TimeSpan Settle = TimeSpan.FromSeconds(10);

    public static AddonProgress None { get; } = new(0, ImmutableDictionary<ReplicaId, ReplicaFilling>.Empty);

    /// <summary>Whether it has every addon that it can have. One that nobody has looked at yet has none.</summary>
    public bool IsFilled(ReplicaId id) => Deployed == 0 || Replicas.GetValueOrDefault(id) is { Missing: 0 };

    public bool Is(AddonProgress other) =>
        Deployed == other.Deployed && Replicas.Count == other.Replicas.Count && Replicas.All(pair => other.Replicas.GetValueOrDefault(pair.Key) == pair.Value);
}

/// <summary>
/// The progress of every deployment with addons. Their loop writes it; who replaces replicas keeps the old ones until the new ones
/// have what the old ones have.
/// </summary>
public sealed class AddonBoard
{
    private readonly ConcurrentDictionary<DeploymentName, AddonProgress> _progress = [];

    // One writer, and a reader that takes names at once.
    private readonly Channel<DeploymentName> _news = Channel.CreateUnbounded<DeploymentName>();

    public AddonProgress Of(DeploymentName name) => _progress.GetValueOrDefault(name, AddonProgress.None);

    public void Note(DeploymentName name, AddonProgress progress)
    {
        if (Of(name).Is(progress)) return;
        if (progress.Deployed == 0) _progress.TryRemove(name, out _);
        else _progress[name] = progress;
        _news.Writer.TryWrite(name);
    }

    /// <summary>Deployments whose progress changed. One reader at a time.</summary>
    public async IAsyncEnumerable<DeploymentName> NewsAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var name in _news.Reader.ReadAllAsync(cancellation)) yield return name;
    }
}
