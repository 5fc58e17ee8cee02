using System.CommandLine;
using System.Text.Json.Serialization.Metadata;
using Firectl.Output;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;

namespace Firectl.Models;

/// <summary><c>firectl create|upload|download|get|list|update|delete model</c>.</summary>
internal static class ModelVerbs
{
    private static readonly string[] Nouns = ["model", "models"];

    private static readonly Column[] Columns =
    [
        new("NAME", "name"), new("KIND", "kind"), new("STATE", "state"), new("CONTEXT", "contextLength"),
        new("PARAMETERS", "baseModelDetails.parameterCount"), new("PUBLIC", "public"), new("SERVERLESS", "supportsServerless"), new("CREATE TIME", "createTime"),
    ];

    public static void Add(VerbTree verbs)
    {
        verbs.Add("create", Nouns, "Create a model from a folder of Hugging Face files", Create);
        verbs.Add("upload", Nouns, "Send a model's files, or go on where an upload broke off", Upload);
        verbs.Add("download", Nouns, "Fetch a model's files", Download);
        verbs.Add("get", Nouns, "Show a model", Get);
        verbs.Add("list", Nouns, "List models", List);
        verbs.Add("update", Nouns, "Change a model", Update);
        verbs.Add("delete", Nouns, "Delete a model and its files", Delete);
        verbs.Add("prepare", Nouns, "Prepare a model for another precision", PrepareModel.Build);
        verbs.Add("prepare-model", "Prepare a model for another precision", PrepareModel.Build);
    }

    private static JsonTypeInfo<ModelResource> ModelType => ServerConnection.Type<ModelResource>();

    private static Verb Create(Command command)
    {
        var id = new Argument<string>("MODEL") { Description = "Its ID" };
        var path = new Argument<string>("PATH") { Description = "The folder" };
        var baseModel = new Option<string?>("--base-model") { Description = "The base model of a LoRA addon or of a draft head (EAGLE)" };
        var embedding = new Option<bool>("--embedding") { Description = "An embedding model" };
        var quiet = Quiet();
        var flags = new ModelFlags();
        command.Arguments.Add(id);
        command.Arguments.Add(path);
        foreach (var option in new Option[] { baseModel, embedding, quiet }) command.Options.Add(option);
        flags.AddTo(command);

        return async (invocation, cancellation) =>
        {
            if (invocation.Value(embedding))
            {
                throw new ProblemException(Problem.Unimplemented("--embedding: embedding models do not work yet"));
            }

            var folder = ModelFolder.Open(invocation.Value(path)!);
            var name = await invocation.NameAsync<ModelName>(invocation.Value(id)!, ModelName.Collection, cancellation);
            var request = new CreateModelRequest
            {
                ModelId = name.Model.ToString(),
                Model = Described(flags.Over(new ModelResource(), invocation), folder, invocation.Value(baseModel)),
            };
            var address = $"v1/{name.Parent}/models";
            if (invocation.IsDryRun) return await invocation.WriteRequestAsync(HttpMethod.Post, address, request, ServerConnection.Type<CreateModelRequest>());
            await invocation.Server.SendAsync(HttpMethod.Post, address, request, ServerConnection.Type<CreateModelRequest>(), ModelType, cancellation);
            await new ModelUpload(invocation, name, invocation.Value(quiet)).RunAsync(folder, cancellation);
            await ShowAsync(invocation, name, cancellation);
            return 0;
        };
    }

    private static Verb Upload(Command command)
    {
        var (name, path, quiet) = (NameArgument(command), new Argument<string>("PATH") { Description = "The folder" }, Quiet());
        command.Arguments.Add(path);
        command.Options.Add(quiet);
        return async (invocation, cancellation) =>
        {
            var full = await name.OfAsync(invocation, cancellation);
            var folder = ModelFolder.Open(invocation.Value(path)!);
            await new ModelUpload(invocation, full, invocation.Value(quiet)).RunAsync(folder, cancellation);
            await ShowAsync(invocation, full, cancellation);
            return 0;
        };
    }

    private static Verb Download(Command command)
    {
        var (name, path, quiet) = (NameArgument(command), new Argument<DirectoryInfo>("PATH") { Description = "The folder to write to" }, Quiet());
        var safetensors = new Option<string?>("--safetensors") { HelpName = "PRECISION", Description = "The variant for other engines instead: FP8 or INT8, see prepare-model" };
        command.Arguments.Add(path);
        command.Options.Add(safetensors);
        command.Options.Add(quiet);
        return async (invocation, cancellation) =>
        {
            var full = await name.OfAsync(invocation, cancellation);
            var query = invocation.Value(safetensors) is { } precision ? $"?stokerSafetensors={Uri.EscapeDataString(precision.ToUpperInvariant())}" : "";
            var endpoint = await invocation.Server.GetAsync(
                $"v1/{full}:getDownloadEndpoint{query}", ServerConnection.Type<GetUploadEndpointResponse>(), cancellation);
            var folder = Directory.CreateDirectory(invocation.Value(path)!.FullName);
            foreach (var (file, address) in endpoint.FilenameToSignedUrls)
            {
                // A name from the server must stay in the folder.
                if (Path.GetFileName(file) != file) throw new ProblemException(Problem.PermissionDenied($"the server named a file outside of the folder: '{file}'"));
                await using var stream = File.Create(Path.Combine(folder.FullName, file));
                await invocation.Server.DownloadAsync(new Uri(address, UriKind.RelativeOrAbsolute), stream, cancellation);
                if (!invocation.Value(quiet))
                {
                    await invocation.Context.Errors.WriteLineAsync($"{file}: {stream.Length} bytes");
                }
            }

            return 0;
        };
    }

    private static Verb Get(Command command)
    {
        var name = NameArgument(command);
        return async (invocation, cancellation) =>
        {
            await ShowAsync(invocation, await name.OfAsync(invocation, cancellation), cancellation);
            return 0;
        };
    }

    private static Verb List(Command command)
    {
        var listing = new Listing();
        listing.AddTo(command);
        return async (invocation, cancellation) => await listing.WriteAsync(
            invocation, $"v1/{await invocation.AccountAsync(cancellation)}/models", "models", ServerConnection.Type<ListModelsResponse>(), Columns, cancellation);
    }

    private static Verb Update(Command command)
    {
        var (name, flags) = (NameArgument(command), new ModelFlags());
        var ignoreChecks = new Option<bool>("--ignore-checks") { Description = "Take it off the serverless tier without notice" };
        flags.AddTo(command);
        command.Options.Add(ignoreChecks);
        return async (invocation, cancellation) =>
        {
            var mask = flags.Mask(invocation);
            if (mask.Length == 0) throw new ProblemException(Problem.InvalidArgument("nothing to change was given; see: firectl update model --help"));
            var full = await name.OfAsync(invocation, cancellation);
            var path = $"v1/{full}?updateMask={Uri.EscapeDataString(mask)}{(invocation.Value(ignoreChecks) ? "&ignoreChecks=true" : "")}";
            var body = flags.Over(new ModelResource(), invocation);
            return await invocation.SendAsync(HttpMethod.Patch, path, body, ModelType, cancellation);
        };
    }

    private static Verb Delete(Command command)
    {
        var name = NameArgument(command);
        return async (invocation, cancellation) =>
        {
            var full = await name.OfAsync(invocation, cancellation);
            return await invocation.DeleteAsync(full.ToString(), cancellation);
        };
    }

    private static ModelResource Described(ModelResource model, ModelFolder folder, string? baseModel)
    {
        if (!folder.IsAddon)
        {
            // A head's files need not say that they are one; whole models have no base, and the server looks at the files.
            return baseModel is not null
                ? model with { Kind = "DRAFT_ADDON", PeftDetails = new() { BaseModel = baseModel } }
                : model with { Kind = "HF_BASE_MODEL", BaseModelDetails = new() { CheckpointFormat = "HUGGINGFACE", WorldSize = 1 } };
        }

        if (baseModel is null) throw new ProblemException(Problem.InvalidArgument("the folder is a LoRA addon (it has adapter_config.json): name its base with --base-model"));
        var (rank, targets) = folder.AdapterFacts();
        // A bare base goes as it is: the server looks in this account and then in the library.
        return model with
        {
            Kind = "HF_PEFT_ADDON",
            PeftDetails = new() { BaseModel = baseModel, R = rank, TargetModules = targets },
        };
    }

    internal static async Task ShowAsync(Invocation invocation, ModelName name, CancellationToken cancellation) =>
        await WriteAsync(invocation, await invocation.Server.GetAsync($"v1/{name}", ModelType, cancellation));

    private static Task WriteAsync(Invocation invocation, ModelResource model) =>
        invocation.WriteAsync(model, ModelType);

    internal static NameArgument<ModelName> NameArgument(Command command) => new(command, "MODEL", ModelName.Collection);

    private static Option<bool> Quiet() => new("--quiet") { Description = "No progress" };
}
