using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.Api.Time;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Deployments;

/// <summary><c>GET .../deployments/{d}:explain</c>: the last scaling decisions, and what would be decided now.</summary>
internal static class DeploymentExplanation
{
    private const string PageSize = "pageSize";
    private const int UsualDecisions = 20;

    public static async Task<IResult> Explain(
        string account,
        string deployment,
        HttpRequest request,
        DeploymentStore store,
        DecisionLog log,
        LoadWindows windows,
        CancellationToken cancellation)
    {
        if (!DeploymentName.TryParse($"accounts/{account}/deployments/{deployment}", null, out var name)) return Missing(account, deployment);
        if (QueryParameters.Check(request.Query, PageSize) is { } unknown) return new ProblemResult(unknown);
        if (!Most(request.Query).TryGet(out var most, out var problem)) return new ProblemResult(problem);
        if (await store.FindAsync(name, cancellation) is not { } stored) return Missing(account, deployment);

        var answer = new ExplainDeploymentResponse
        {
            Deployment = name.ToString(),
            DesiredReplicaCount = stored.Deployment.DesiredReplicas,
            Now = windows.Look(name) is { } now ? ToResource(now) : null,
            Decisions = [.. log.Read(name, most).Select(ToResource)],
        };
        return Microsoft.AspNetCore.Http.Results.Bytes(
            JsonSerializer.SerializeToUtf8Bytes(answer, WireJson.Context.ExplainDeploymentResponse), "application/json");
    }

    private static Result<int> Most(IQueryCollection query)
    {
        var text = query[PageSize].ToString();
        if (text.Length == 0) return UsualDecisions;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var most) && most is >= 1 and <= DecisionLog.Kept
            ? most
            : Problem.InvalidArgument(
                $"The query parameter '{PageSize}' must be from 1 to {DecisionLog.Kept}, the decisions that are kept, was '{(text.Length <= 20 ? text : text[..20])}'");
    }

    private static ScalingDecisionResource ToResource(ScalingDecision decision)
    {
        var facts = decision.Facts;
        return new()
        {
            Time = facts.Time,
            PreviousReplicaCount = facts.Before,
            DesiredReplicaCount = decision.Desired,
            Cause = WireEnum.TextOf(decision.Cause),
            Reason = decision.Reason,
            Inputs = new()
            {
                MinReplicaCount = facts.Min,
                MaxReplicaCount = facts.Max,
                QueuedRequests = facts.Queued,
                RunningRequests = facts.Running,
                ReadyReplicaCount = facts.Ready,
                StartingReplicaCount = facts.Starting,
                SequencesPerReplica = facts.SequencesPerReplica,
                SustainedLoad = ToResource(facts.Sustained),
                HighestLoad = ToResource(facts.Highest),
                IdleDuration = ProtoDuration.Format(facts.Idle),
            },
        };
    }

    private static LoadResource? ToResource(LoadMeasure? measure) => measure is { } load
        ? new()
        {
            ConcurrentRequests = Rounded(load.Concurrent),
            RequestsPerSecond = Rounded(load.RequestsPerSecond),
            PromptTokensPerSecond = Rounded(load.PromptTokensPerSecond),
            TokensGeneratedPerSecond = Rounded(load.GeneratedTokensPerSecond),
        }
        : null;

    /// <summary>Means have digits that nobody asked for.</summary>
    private static double Rounded(double value) => Math.Round(value, 3);

    private static ProblemResult Missing(string account, string deployment) =>
        new(MissingResource.Problem($"accounts/{account}/deployments/{deployment}"));
}
