using System.Text.Json;
using System.Text.Json.Serialization;
using Stoker.Api.Names;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Autoscaling;

/// <summary>The last decisions of each deployment, for whoever asks why it has as many replicas as it has.</summary>
public sealed class DecisionLog(IScalingStore store)
{
    /// <summary>A flapping deployment fills it in hours, a calm one never.</summary>
    public const int Kept = 200;

    public Task AppendAsync(DeploymentName name, ScalingDecision decision, CancellationToken cancellation) => store.AppendDecisionAsync(
        name.ToString(),
        new(decision.Facts.Time, JsonSerializer.SerializeToUtf8Bytes(decision, DecisionJson.Default.ScalingDecision)),
        Kept,
        cancellation);

    /// <summary>Newest first. An entry that this program cannot read is left out.</summary>
    public IReadOnlyList<ScalingDecision> Read(DeploymentName name, int most)
    {
        var decisions = new List<ScalingDecision>();
        foreach (var stored in store.ReadDecisions(name.ToString(), most))
        {
            if (Read(stored) is { } decision) decisions.Add(decision);
        }

        return decisions;
    }

    public Task ForgetAsync(DeploymentName name, CancellationToken cancellation) => store.ForgetAsync(name.ToString(), cancellation);

    private static ScalingDecision? Read(StoredDecision stored)
    {
        try
        {
            return JsonSerializer.Deserialize(stored.Decision, DecisionJson.Default.ScalingDecision);
        }
        catch (JsonException)
        {
            return null; // of a later program: the log explains, nothing depends on it
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    IgnoreReadOnlyProperties = true,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(ScalingDecision))]
internal sealed partial class DecisionJson : JsonSerializerContext;
