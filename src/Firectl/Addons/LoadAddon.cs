using System.CommandLine;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;

namespace Firectl.Addons;

/// <summary><c>firectl deploy ADDON [--deployment D]</c>, of old <c>load-lora</c>: without a deployment to the serverless tier. A bare addon is resolved by the server.</summary>
internal static class LoadAddon
{
    public static TimeSpan WaitTimeout { get; } = TimeSpan.FromMinutes(30);

    public static Verb Build(Command command)
    {
        var model = new Argument<string>("MODEL") { Description = "The addon: an ID of your account or of the library, or a full name" };
        var deployment = new Option<string?>("--deployment") { Description = "Where to load it: a deployment with --enable-addons. Without it: beside its base on the serverless tier" };
        var serverless = new Option<bool>("--serverless") { Description = "On the serverless tier, as without --deployment" };
        var isPublic = new Option<bool>("--public") { Description = "Let keys of every account call it" };
        var replace = new Option<bool>("--replace-merged-addon") { Description = "Take the place of an addon that is merged into the weights" };
        var waiting = new Waiting(WaitTimeout);
        command.Arguments.Add(model);
        foreach (var option in new Option[] { deployment, serverless, isPublic, replace }) command.Options.Add(option);
        waiting.AddTo(command);
        return async (invocation, cancellation) =>
        {
            var typed = invocation.Value(deployment);
            if (typed is not null && invocation.Value(serverless)) throw new ProblemException(Problem.InvalidArgument("--serverless and --deployment name two places: give one of them"));
            var on = typed is null ? null : await invocation.NameAsync<DeploymentName>(typed, DeploymentName.Collection, cancellation);
            var body = new DeployedModelResource { Model = invocation.Value(model), Deployment = on?.ToString(), Serverless = on is null ? true : null, Public = invocation.Given(isPublic) };
            var path = $"v1/{on?.Parent ?? await invocation.AccountAsync(cancellation)}/{DeployedModelName.Collection}" + (invocation.Value(replace) ? "?replaceMergedAddon=true" : "");
            if (invocation.IsDryRun) return await invocation.WriteRequestAsync(HttpMethod.Post, path, body, DeployedModelVerbs.Type);
            var deployed = await invocation.Server.SendAsync(HttpMethod.Post, path, body, DeployedModelVerbs.Type, DeployedModelVerbs.Type, cancellation);
            if (waiting.IsAsked(invocation)) deployed = await DeployedAsync(invocation, waiting, deployed, cancellation);
            await DeployedModelVerbs.WriteAsync(invocation, deployed);
            await invocation.Context.Errors.WriteLineAsync(deployed.Serverless == true
                ? $"Note: requests name it {deployed.Model}; replicas let go of it while nobody uses it."
                : $"Note: requests name it {deployed.Model}#{deployed.Deployment}{(deployed.Default == true ? ", or by its own name alone" : "")}.");
            return 0;
        };
    }

    /// <summary>Waits until every ready replica has it, and fails with the reason when that will not be.</summary>
    private static async Task<DeployedModelResource> DeployedAsync(
        Invocation invocation, Waiting waiting, DeployedModelResource created, CancellationToken cancellation)
    {
        var last = await waiting.UntilAsync(
            invocation,
            created.Name!,
            token => invocation.Server.GetAsync($"v1/{created.Name}", DeployedModelVerbs.Type, token),
            seen => (seen.Status?.Message is { Length: > 0 } why ? $"{seen.State}: {why}" : seen.State ?? "", seen.State is not "DEPLOYING"),
            cancellation);
        return last.State == "DEPLOYED"
            ? last
            : throw new ProblemException(Problem.FailedPrecondition($"{last.Name} is {last.State}, not DEPLOYED: {last.Status?.Message ?? "no reason given"}"));
    }
}
