using System.CommandLine;
using System.Text.Json;
using Firectl.Output;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;

namespace Firectl.Deployments;

/// <summary><c>firectl create|get|list|update|delete|undelete|scale|events|usage|verify-usage deployment</c>.</summary>
internal static class DeploymentVerbs
{
    private static readonly string[] Nouns = ["deployment", "deployments"];
    private static readonly TimeSpan WaitTimeout = TimeSpan.FromHours(1);

    private static readonly Column[] Columns =
    [
        new("NAME", "name"), new("BASE MODEL", "baseModel"), new("STATE", "state"), new("REPLICAS", "replicaCount"), new("MIN", "minReplicaCount"),
        new("MAX", "maxReplicaCount"), new("ACCELERATOR", "acceleratorType"), new("REGION", "region"), new("EMULATED", "emulated"),
        new("CREATE TIME", "createTime"),
    ];

    public static void Add(VerbTree verbs)
    {
        verbs.Add("create", Nouns, "Create a deployment of a model", CreateDeployment.Build);
        verbs.Add("get", Nouns, "Show a deployment", Get);
        verbs.Add("list", Nouns, "List deployments", List);
        verbs.Add("update", Nouns, "Change a deployment", Update);
        verbs.Add("delete", Nouns, "Delete a deployment", Delete);
        verbs.Add("undelete", Nouns, "Bring a deleted deployment back", Undelete);
        verbs.Add("scale", Nouns, "Set a deployment's replica count; the autoscaler goes on from there", Scale);
        verbs.Add("explain", Nouns, "Tell why a deployment has as many replicas as it has", ExplainDeployment.Build);
        verbs.Add("usage", Nouns, "Show the accelerator seconds of a deployment", DeploymentUsage.Build);
        verbs.Add("usage", ["account", "accounts"], "List the accelerator seconds of every deployment that the account ever had", DeploymentUsage.BuildOfAccount);
        verbs.Add("verify-usage", Nouns, "Have the server prove that a deployment's ledger is consistent", DeploymentUsage.BuildVerify);
        verbs.Add("events", Nouns, "Show what happened to a deployment", DeploymentEventVerb.Build);
    }

    public static Task<DeploymentResource> GetAsync(Invocation invocation, DeploymentName name, CancellationToken cancellation) =>
        invocation.Server.GetAsync($"v1/{name}", ServerConnection.Type<DeploymentResource>(), cancellation);

    public static Task WriteAsync(Invocation invocation, DeploymentResource deployment) =>
        invocation.WriteAsync(JsonSerializer.SerializeToNode(deployment, ServerConnection.Type<DeploymentResource>())!.AsObject());

    /// <summary>What a person wants to know while it comes up.</summary>
    public static string StateLine(DeploymentResource deployment)
    {
        var ready = deployment.ReplicaStats?.ReadyReplicaCount ?? 0;
        var line = $"{deployment.State}, {ready}/{deployment.DesiredReplicaCount ?? 0} replicas ready";
        return deployment.Status is { Message.Length: > 0 } status ? $"{line}: {status.Message}" : line;
    }

    private static Verb Get(Command command)
    {
        var name = NameArgument(command);
        return async (invocation, cancellation) =>
        {
            await WriteAsync(invocation, await GetAsync(invocation, await name.OfAsync(invocation, cancellation), cancellation));
            return 0;
        };
    }

    private static Verb List(Command command)
    {
        var (listing, deleted) = (new Listing(), new Option<bool>("--show-deleted") { Description = "Deleted deployments too" });
        listing.AddTo(command);
        command.Options.Add(deleted);
        return async (invocation, cancellation) =>
        {
            var path = $"v1/{await invocation.AccountAsync(cancellation)}/deployments" + (invocation.Value(deleted) ? "?showDeleted=true" : "");
            return await listing.WriteAsync(invocation, path, "deployments", ServerConnection.Type<ListDeploymentsResponse>(), Columns, cancellation);
        };
    }

    private static Verb Update(Command command)
    {
        var (name, flags) = (NameArgument(command), new DeploymentFlags());
        var region = new Option<string?>("--region") { Description = "Cannot change: the answer says what to do instead" };
        flags.AddTo(command);
        command.Options.Add(region);
        return async (invocation, cancellation) =>
        {
            var mask = string.Join(',', new[] { flags.Mask(invocation), invocation.IsGiven(region) ? "placement" : "" }.Where(path => path.Length > 0));
            if (mask.Length == 0) throw new ProblemException(Problem.InvalidArgument("nothing to change was given; see: firectl update deployment --help"));
            var path = $"v1/{await name.OfAsync(invocation, cancellation)}?updateMask={Uri.EscapeDataString(mask)}";
            var body = flags.Over(new DeploymentResource(), invocation);
            if (invocation.Value(region) is { } elsewhere) body = body with { Placement = new() { Region = CreateDeployment.WireRegion(elsewhere) } };
            var type = ServerConnection.Type<DeploymentResource>();
            if (invocation.IsDryRun) return await invocation.WriteRequestAsync(HttpMethod.Patch, path, body, type);
            await WriteAsync(invocation, await invocation.Server.SendAsync(HttpMethod.Patch, path, body, type, type, cancellation));
            return 0;
        };
    }

    private static Verb Delete(Command command)
    {
        var (name, waiting) = (NameArgument(command), new Waiting(WaitTimeout));
        var hard = new Option<bool>("--hard") { Description = "Gone for good, without the time in which it can be brought back" };
        var ignore = new Option<bool>("--ignore-checks") { Description = "Even if it had requests in the last hour and the account guards such deployments" };
        command.Options.Add(hard);
        command.Options.Add(ignore);
        waiting.AddTo(command);
        return async (invocation, cancellation) =>
        {
            var full = await name.OfAsync(invocation, cancellation);
            var query = new[] { invocation.Value(hard) ? "hard=true" : null, invocation.Value(ignore) ? "ignoreChecks=true" : null }.OfType<string>().ToList();
            var path = $"v1/{full}" + (query.Count > 0 ? "?" + string.Join('&', query) : "");
            if (invocation.IsDryRun) return await invocation.WriteRequestAsync(HttpMethod.Delete, path);
            await invocation.Server.DeleteAsync(path, ServerConnection.Type<EmptyResponse>(), cancellation);
            if (waiting.IsAsked(invocation))
            {
                await waiting.UntilGoneAsync(
                    invocation, full.ToString(), "DELETED", token => GetAsync(invocation, full, token), seen => (StateLine(seen), seen.State == "DELETED"), cancellation);
            }

            await invocation.Context.Errors.WriteLineAsync($"Deleted {full}");
            return 0;
        };
    }

    private static Verb Undelete(Command command)
    {
        var (name, waiting) = (NameArgument(command), new Waiting(WaitTimeout));
        waiting.AddTo(command);
        return async (invocation, cancellation) =>
        {
            var path = $"v1/{await name.OfAsync(invocation, cancellation)}:undelete";
            var body = new EmptyResponse();
            if (invocation.IsDryRun) return await invocation.WriteRequestAsync(HttpMethod.Post, path, body, ServerConnection.Type<EmptyResponse>());
            var back = await invocation.Server.SendAsync(
                HttpMethod.Post, path, body, ServerConnection.Type<EmptyResponse>(), ServerConnection.Type<DeploymentResource>(), cancellation);
            if (waiting.IsAsked(invocation)) back = await CreateDeployment.ReadyAsync(invocation, waiting, back, cancellation);
            await WriteAsync(invocation, back);
            return 0;
        };
    }

    private static Verb Scale(Command command)
    {
        var (name, count) = (NameArgument(command), new Option<int>("--replica-count") { Description = "Replicas, from the minimum to the maximum", Required = true });
        command.Options.Add(count);
        return async (invocation, cancellation) =>
        {
            var path = $"v1/{await name.OfAsync(invocation, cancellation)}:scale";
            var body = new ScaleDeploymentRequest(invocation.Value(count));
            if (invocation.IsDryRun) return await invocation.WriteRequestAsync(HttpMethod.Patch, path, body, ServerConnection.Type<ScaleDeploymentRequest>());
            await invocation.Server.SendAsync(
                HttpMethod.Patch, path, body, ServerConnection.Type<ScaleDeploymentRequest>(), ServerConnection.Type<EmptyResponse>(), cancellation);
            return 0;
        };
    }

    public static NameArgument<DeploymentName> NameArgument(Command command) => new(command, "DEPLOYMENT", DeploymentName.Collection);
}
