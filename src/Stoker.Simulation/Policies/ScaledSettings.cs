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
    /// <summary>The targets as flags have them.</summary>
    public string TargetText => LoadTargets.From(Targets, Policy.Mode).ToString();

    /// <summary>The same under the mode auto; without targets, with those that are usual there.</summary>
    public ScaledSettings UnderAuto() => this with
    {
        Policy = ScalingPolicy.Default with { ToZeroWindow = Policy.ToZeroWindow, Mode = ScalingMode.Auto },
    };

    /// <summary>By the very rules and defaults that hold when a deployment is created.</summary>
    public static Result<ScaledSettings> From(DeploymentResource asked) =>
        DeploymentSpec.From(asked with { BaseModel = "accounts/simulated/models/trace" }, AcceleratorType.Cpu)
            .Then<ScaledSettings>(spec => new ScaledSettings(spec.MinReplicas, spec.MaxReplicas, spec.Scaling, spec.LoadTargets));
}
