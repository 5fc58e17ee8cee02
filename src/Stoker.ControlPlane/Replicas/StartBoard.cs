using System.Collections.Concurrent;
using Stoker.Api.Names;

namespace Stoker.ControlPlane.Replicas;

/// <summary>
/// How far each deployment's next replica is. The deployments' reconciler alone writes it; the gateway reads it for
/// those who wait. Beside the routing table, because it changes often and no route does by it.
/// </summary>
public sealed class StartBoard
{
    /// <summary>
    /// What is told before anything was ever started here: the cold start that the autoscaler's figures were made with.
    /// </summary>
    private static readonly TimeSpan FirstGuess = TimeSpan.FromSeconds(60);

    private readonly ConcurrentDictionary<DeploymentName, StartOutlook> _outlooks = [];
    private StartOutlook _lastStarted = StartOutlook.Unknown;

    public StartOutlook Of(DeploymentName name) => _outlooks.GetValueOrDefault(name, StartOutlook.Unknown);

    /// <summary>What a waiting client is told of a deployment.</summary>
    public StartEstimate Estimate(DeploymentName name, DateTimeOffset now)
    {
        var others = Volatile.Read(ref _lastStarted);
        var usual = others.Recent.Count > 0 ? others.Recent[^1] : FirstGuess;
        return StartEstimate.For(Of(name), usual, now);
    }

    public void Note(DeploymentName name, StartOutlook outlook)
    {
        _outlooks[name] = outlook;
        if (outlook.Recent.Count > 0) Volatile.Write(ref _lastStarted, outlook);
    }

    public void Forget(DeploymentName name) => _outlooks.TryRemove(name, out _);
}
