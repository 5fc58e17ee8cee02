using System.Globalization;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Deployments;

namespace Stoker.Simulation.Policies;

/// <summary>The fields of a deployment that its replica count depends on.</summary>
/// <param name="Targets">By key; empty means the usual target.</param>
public sealed record ScaledSettings(int MinReplicas, int MaxReplicas, ScalingPolicy Policy, IReadOnlyDictionary<string, double> Targets)
{
    private const double UsualShare = 0.8;

    /// <summary>The targets as flags have them.</summary>
    public string TargetText => Targets is { Count: 0 }
        ? string.Create(CultureInfo.InvariantCulture, $"{LoadTargets.Share}={UsualShare}")
        : string.Join(',', Targets.Select(target => string.Create(CultureInfo.InvariantCulture, $"{target.Key}={target.Value}")));

    /// <summary>By the very rules and defaults that hold when a deployment is created.</summary>
    public static Result<ScaledSettings> From(DeploymentResource asked) =>
        DeploymentSpec.From(asked with { BaseModel = "accounts/simulated/models/trace" }, AcceleratorType.Cpu)
            .Then<ScaledSettings>(spec => new ScaledSettings(spec.MinReplicas, spec.MaxReplicas, spec.Scaling, spec.LoadTargets));
}
