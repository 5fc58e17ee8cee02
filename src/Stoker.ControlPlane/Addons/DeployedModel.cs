using System.Text.Json.Serialization;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Addons;

/// <summary>How far an addon is on its deployment.</summary>
/// <remarks>
/// <code>
/// state        event                                             next
/// DEPLOYING    every ready replica has it, or none is there yet  DEPLOYED
/// DEPLOYING    a ready replica gave up on it                     FAILED
/// DEPLOYED     a replica is new and has it not yet               DEPLOYED: that replica gets none of its requests
/// DEPLOYED     a ready replica gave up on it                     FAILED; replicas that have it serve it on
/// FAILED       every ready replica has it                        DEPLOYED
/// any          deletion asked                                    UNDEPLOYING
/// UNDEPLOYING  no replica has it any more                        the row is removed
/// </code>
/// </remarks>
public enum DeployedModelState
{
    Deploying,
    Deployed,
    Undeploying,

    /// <summary>Ours: the hosted surface has no word for it.</summary>
    Failed,
}

/// <summary>What was asked.</summary>
/// <param name="Default">It answers for the model's name alone.</param>
/// <param name="Public">Keys of every account may call it.</param>
/// <param name="Unload">It is to go.</param>
/// <param name="DeploymentCreateTime">Of the deployment that was meant: another one that got its name later has no addons by that. Null: whichever.</param>
public sealed record DeployedModelSpec(
    ModelName Model, DeploymentName Deployment, bool Default, bool Public, string? DisplayName, string? Description, bool Unload = false,
    DateTimeOffset? DeploymentCreateTime = null);

/// <summary>What is observed; <see cref="AddonReconciler"/> alone writes it.</summary>
/// <param name="Message">Why it is not there, in words; null when there is nothing to tell.</param>
public sealed record DeployedModelStatus(DeployedModelState State, string? Message)
{
    public static DeployedModelStatus New { get; } = new(DeployedModelState.Deploying, null);
}

/// <summary>Deployed models, typed.</summary>
public sealed class DeployedModelStore(IResourceStore store)
{
    internal TypedStore<DeployedModelName, DeployedModelSpec, DeployedModelStatus> Rows { get; } = new(
        store, DeployedModelName.Collection, DeployedModelJson.Default.DeployedModelSpec, DeployedModelJson.Default.DeployedModelStatus);
}

/// <summary>A deployed model as the wire shows it.</summary>
internal static class DeployedModelWire
{
    public static DeployedModelResource ToResource(this Stored<DeployedModelName, DeployedModelSpec, DeployedModelStatus> row) => new()
    {
        Name = row.Name.ToString(),
        DisplayName = row.Spec.DisplayName,
        Description = row.Spec.Description,
        CreateTime = row.CreateTime,
        UpdateTime = row.UpdateTime,
        Model = row.Spec.Model.ToString(),
        Deployment = row.Spec.Deployment.ToString(),
        Default = row.Spec.Default,
        State = Resources.WireEnum.TextOf(row.Spec.Unload ? DeployedModelState.Undeploying : row.Status.State),
        Status = row.Status.Message is { } message ? new(CodeOf(row.Status.State).Row().WireName, message) : null,
        Public = row.Spec.Public,
        Serverless = row.Spec.Deployment.IsShared() ? true : null,
    };

    private static Code CodeOf(DeployedModelState state) => state == DeployedModelState.Failed ? Code.FailedPrecondition : Code.Unavailable;
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    Converters = [typeof(Runtimes.ParsableJsonConverter<ModelName>), typeof(Runtimes.ParsableJsonConverter<DeploymentName>)])]
[JsonSerializable(typeof(DeployedModelSpec))]
[JsonSerializable(typeof(DeployedModelStatus))]
internal sealed partial class DeployedModelJson : JsonSerializerContext;
