using System.CommandLine;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;

namespace Firectl.Addons;

/// <summary><c>firectl undeploy ADDON [--deployment D]</c>, of old <c>unload-lora</c>.</summary>
internal static class UnloadAddon
{
    private const int Shown = 5;

    public static Verb Build(Command command)
    {
        var model = new Argument<string>("MODEL") { Description = "The addon: an ID of your account or of the library, or a full name" };
        var deployment = new Option<string?>("--deployment") { Description = "Where to unload it; needed when it is on several" };
        var waiting = new Waiting(LoadAddon.WaitTimeout);
        command.Arguments.Add(model);
        command.Options.Add(deployment);
        waiting.AddTo(command);
        return async (invocation, cancellation) =>
        {
            var typed = invocation.Value(deployment);
            var on = typed is null ? null : await invocation.NameAsync<DeploymentName>(typed, DeploymentName.Collection, cancellation);
            var name = await FindAsync(invocation, invocation.Value(model)!, on, cancellation);
            var path = $"v1/{name}";
            if (invocation.IsDryRun) return await invocation.WriteRequestAsync(HttpMethod.Delete, path);
            await invocation.Server.DeleteAsync(path, ServerConnection.Type<EmptyResponse>(), cancellation);
            if (waiting.IsAsked(invocation))
            {
                await waiting.UntilGoneAsync(
                    invocation, name, "gone", token => invocation.Server.GetAsync(path, DeployedModelVerbs.Type, token), seen => (seen.State ?? "", false), cancellation);
            }

            await invocation.Context.Errors.WriteLineAsync($"Undeployed {name}");
            return 0;
        };
    }

    /// <summary>The addon where it is deployed; several need the deployment's name.</summary>
    private static async Task<string> FindAsync(Invocation invocation, string typed, DeploymentName? on, CancellationToken cancellation)
    {
        var account = on is not null && on.Parent != AccountName.Library ? on.Parent : await invocation.AccountAsync(cancellation);
        ModelName[] names = typed.Contains('/')
            ? [await invocation.NameAsync<ModelName>(typed, ModelName.Collection, cancellation)]
            : ResourceId.TryParse(typed, out var id)
                ? [account.Model(id), AccountName.Library.Model(id)]
                : throw new ProblemException(Problem.InvalidArgument($"'{typed}' is no name of a model: give an ID ({ResourceId.Rule}) or accounts/ACCOUNT/models/ID"));
        IReadOnlyList<DeployedModelResource> found = [];
        foreach (var name in names) // one's own before the library's, as for a load
        {
            if (found.Count > 0) break;
            var filter = $"model=\"{name}\"" + (on is null ? "" : $" AND deployment=\"{on}\"");
            var address = $"v1/{account}/{DeployedModelName.Collection}?filter={Uri.EscapeDataString(filter)}";
            found = (await invocation.Server.GetAsync(address, ServerConnection.Type<ListDeployedModelsResponse>(), cancellation)).DeployedModels;
        }

        return found switch
        {
            [var only] => only.Name!,
            [] => throw new ProblemException(Problem.NotFound($"{typed} is not deployed{(on is null ? "" : $" on {on}")}; see: firectl list deployed-models")),
            _ => throw new ProblemException(Problem.InvalidArgument(
                $"{typed} is on several deployments, say which one (--deployment): {string.Join(", ", found.Take(Shown).Select(item => item.Deployment))}{(found.Count > Shown ? ", ..." : "")}")),
        };
    }
}
