using System.Collections.Concurrent;
using Stoker.Api.Names;

namespace Stoker.ControlPlane.Autoscaling;

/// <summary>
/// The load of every deployment as the gateway counts it. It outlives routing tables, so that no request is counted
/// twice or lost when one replaces the other.
/// </summary>
public sealed class LoadBoard(TimeProvider time)
{
    private readonly ConcurrentDictionary<DeploymentName, DeploymentLoad> _loads = [];

    /// <summary>A deployment's first request is held. Handlers must be quick.</summary>
    public event Action<DeploymentName>? Woke;

    public IEnumerable<KeyValuePair<DeploymentName, DeploymentLoad>> All => _loads;

    /// <summary>The one counter of the deployment, made when first asked for.</summary>
    public DeploymentLoad Of(DeploymentName name) =>
        _loads.TryGetValue(name, out var load) ? load : _loads.GetOrAdd(name, Make);

    /// <summary>
    /// For deployments whose record is gone. Requests that still run count on their own counter, which nobody reads any
    /// more.
    /// </summary>
    public void Forget(DeploymentName name) => _loads.TryRemove(name, out _);

    private DeploymentLoad Make(DeploymentName name)
    {
        var load = new DeploymentLoad(time);
        load.Woke += () => Woke?.Invoke(name);
        return load;
    }
}
