using System.CommandLine;
using System.Text.Json.Serialization.Metadata;
using Firectl.Output;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;

namespace Firectl.Addons;

/// <summary><c>firectl get|list|update deployed-model</c>; loading and unloading are verbs of their own.</summary>
internal static class DeployedModelVerbs
{
    private static readonly string[] Nouns = ["deployed-model", "deployed-models"];

    private static readonly Column[] Columns =
    [
        new("NAME", "name"), new("MODEL", "model"), new("DEPLOYMENT", "deployment"), new("STATE", "state"), new("DEFAULT", "default"), new("PUBLIC", "public"),
        new("CREATE TIME", "createTime"),
    ];

    public static void Add(VerbTree verbs)
    {
        verbs.Add("get", Nouns, "Show an addon on its deployment", Get);
        verbs.Add("list", Nouns, "List addons on deployments", List);
        verbs.Add("update", Nouns, "Change an addon on its deployment", Update);
        verbs.Add("deploy", "Load a LoRA addon on a deployment, without a restart", LoadAddon.Build);
        verbs.Add("load-lora", "The same as deploy", LoadAddon.Build);
        verbs.Add("undeploy", "Unload a LoRA addon from a deployment", UnloadAddon.Build);
        verbs.Add("unload-lora", "The same as undeploy", UnloadAddon.Build);
        verbs.AddUnder("model", "load-lora", "Load a LoRA addon on a deployment, without a restart", LoadAddon.Build);
        verbs.AddUnder("model", "unload-lora", "Unload a LoRA addon from a deployment", UnloadAddon.Build);
    }

    public static JsonTypeInfo<DeployedModelResource> Type => ServerConnection.Type<DeployedModelResource>();

    public static Task WriteAsync(Invocation invocation, DeployedModelResource deployed) =>
        invocation.WriteAsync(deployed, Type);

    private static Verb Get(Command command)
    {
        var name = NameArgument(command);
        return async (invocation, cancellation) =>
        {
            var path = $"v1/{await name.OfAsync(invocation, cancellation)}";
            return await invocation.ShowAsync(path, Type, cancellation);
        };
    }

    private static Verb List(Command command)
    {
        var listing = new Listing();
        listing.AddTo(command);
        return async (invocation, cancellation) => await listing.WriteAsync(
            invocation, $"v1/{await invocation.AccountAsync(cancellation)}/{DeployedModelName.Collection}", DeployedModelName.Collection,
            ServerConnection.Type<ListDeployedModelsResponse>(), Columns, cancellation);
    }

    private static Verb Update(Command command)
    {
        var (name, flags) = (NameArgument(command), new DeployedModelFlags());
        flags.AddTo(command);
        return async (invocation, cancellation) =>
        {
            var mask = flags.Mask(invocation);
            if (mask.Length == 0) throw new ProblemException(Problem.InvalidArgument("nothing to change was given; see: firectl update deployed-model --help"));
            var path = $"v1/{await name.OfAsync(invocation, cancellation)}?updateMask={Uri.EscapeDataString(mask)}";
            var body = flags.Body(invocation);
            return await invocation.SendAsync(HttpMethod.Patch, path, body, Type, cancellation);
        };
    }

    private static NameArgument<DeployedModelName> NameArgument(Command command) => new(command, "DEPLOYED_MODEL", DeployedModelName.Collection, "my-addon-0123abcd");
}

/// <summary>The flags of a deployed model's own fields.</summary>
internal sealed class DeployedModelFlags : FieldFlags
{
    private readonly Option<string?> _displayName, _description;
    private readonly Option<bool> _default, _public;

    public DeployedModelFlags()
    {
        _displayName = Text("--display-name", "display_name", "A name for people, fewer than 64 characters");
        _description = Text("--description", "description", "What it is for");
        _default = Flag("--default", "default", "Answer for the addon's name alone, instead of the default before");
        _public = Flag("--public", "public", "Let keys of every account call it");
    }

    public DeployedModelResource Body(Invocation invocation) => new()
    {
        DisplayName = invocation.Value(_displayName),
        Description = invocation.Value(_description),
        Default = invocation.Given(_default),
        Public = invocation.Given(_public),
    };
}
