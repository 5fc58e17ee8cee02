using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Audit;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Models;

/// <summary>The files of models: addresses to send and fetch them, and the inspection when all are there.</summary>
internal static class ModelTransferEndpoints
{
    /// <summary>Of the query: the precision of a variant for other engines, whose files are meant and not the model's own.</summary>
    private const string Safetensors = "stokerSafetensors";

    public static void MapModelTransfers(this RouteGroupBuilder models)
    {
        models.MapPost("/{model}:getUploadEndpoint", GetUploadEndpoint).RequireAccess();
        models.MapGet("/{model}:validateUpload", ValidateUpload).RequireAccess().WithMetadata(new ChangesMetadata());
        models.MapGet("/{model}:getDownloadEndpoint", GetDownloadEndpoint).RequireAccess();

        // These two ask for no key but for the signature of an address: clients send files without their credentials.
        models.MapPut("/{model}/files/{file}", Put);
        models.MapGet("/{model}/files/{file}", Fetch);
        models.MapGet("/{model}/files/{variant}/{file}", FetchOfVariant);
    }

    private static async Task<Results<JsonHttpResult<GetUploadEndpointResponse>, ProblemResult>> GetUploadEndpoint(
        string account, string model, HttpContext context, ModelUpload upload, TransferAddress addresses, CancellationToken cancellation)
    {
        if (QueryParameters.Check(context.Request.Query) is { } unknown) return new ProblemResult(unknown);
        if (!ModelEndpoints.NameOf(account, model).TryGet(out var name, out var problem))
        {
            return new ProblemResult(problem);
        }

        var body = await JsonBody.ReadAsync(context.Request, WireJson.Context.GetUploadEndpointRequest, cancellation);
        if (!body.TryGet(out var request, out problem)) return new ProblemResult(problem);
        if (!string.IsNullOrEmpty(request.ReadMask))
        {
            return new ProblemResult(Problem.Unimplemented("readMask is not available here: leave it out"));
        }

        var begun =
            await upload.BeginAsync(name, request.FilenameToSize, request.EnableResumableUpload ?? false, cancellation);
        if (!begun.TryGet(out var plan, out problem)) return new ProblemResult(problem);
        var server = Server(context.Request);
        return TypedResults.Json(
            new GetUploadEndpointResponse
            {
                FilenameToSignedUrls = plan.Missing.ToDictionary(file => file, file => server + addresses.Sign(HttpMethods.Put, name, file)),
                FilenameToUnsignedUris = plan.Files.ToDictionary(file => file, file => $"{server}/v1/{name}/files/{file}"),
            },
            WireJson.Context.GetUploadEndpointResponse);
    }

    private static async Task<Results<JsonHttpResult<ValidateUploadResponse>, ProblemResult>> ValidateUpload(
        string account, string model, HttpContext context, ModelUpload upload, CancellationToken cancellation)
    {
        var query = context.Request.Query;
        string[] refused = ["skipHfConfigValidation", "trustRemoteCode", "configOnly"];
        if (QueryParameters.Check(query, refused) is { } unknown) return new ProblemResult(unknown);
        foreach (var flag in refused)
        {
            if (!QueryParameters.Flag(query, flag).TryGet(out var isSet, out var fault))
            {
                return new ProblemResult(fault);
            }

            if (isSet) return new ProblemResult(Problem.Unimplemented($"{flag} is not available: every model is checked whole, and no code of it is run"));
        }

        if (!ModelEndpoints.NameOf(account, model).TryGet(out var name, out var problem))
        {
            return new ProblemResult(problem);
        }

        var caller = context.GetPrincipal();
        if (name.Parent != caller.Account && !caller.IsOperator) // a GET that changes state: reading the library is not enough
        {
            return new ProblemResult(Problem.PermissionDenied("Only an admin of the operating account validates uploads of the library"));
        }

        return (await upload.ValidateAsync(name, cancellation)).TryGet(out var warnings, out problem)
            ? TypedResults.Json(new ValidateUploadResponse(warnings), WireJson.Context.ValidateUploadResponse)
            : new ProblemResult(problem);
    }

    private static async Task<Results<JsonHttpResult<GetUploadEndpointResponse>, ProblemResult>> GetDownloadEndpoint(
        string account, string model, HttpContext context, ModelStore store, TransferAddress addresses, CancellationToken cancellation)
    {
        if (QueryParameters.Check(context.Request.Query, Safetensors) is { } unknown) return new ProblemResult(unknown);
        if (!ModelEndpoints.NameOf(account, model).TryGet(out var name, out var problem))
        {
            return new ProblemResult(problem);
        }

        var row = await store.Rows.FindAsync(name, cancellation);
        if (row is null || !ModelEndpoints.IsVisible(name, row.Spec, context.GetPrincipal()))
        {
            return new ProblemResult(ModelNames.NotFound(name.ToString()));
        }

        if (store.Read(row) is not { IsReady: true, Folder: { } folder })
        {
            return new ProblemResult(Problem.FailedPrecondition($"model \"{name}\" has no files to fetch: it is not READY ({row.Status.Detail?.Message})"));
        }

        var variant = "";
        if (context.Request.Query.ContainsKey(Safetensors)
            && !VariantOf(name, row.Status, folder, context.Request.Query[Safetensors].ToString()).TryGet(out variant, out problem))
        {
            return new ProblemResult(problem);
        }

        var server = Server(context.Request);
        var files = Directory.EnumerateFiles(Path.Combine(folder, variant)).Select(path => Path.GetFileName(path)).Where(file => UploadFile.Fault(file) is null);
        return TypedResults.Json(
            new GetUploadEndpointResponse
            {
                FilenameToSignedUrls = files.ToDictionary(file => file, file => server + addresses.Sign(HttpMethods.Get, name, Signed(variant, file))),
            },
            WireJson.Context.GetUploadEndpointResponse);
    }

    /// <summary>The folder of the variant in that precision, which is there.</summary>
    private static Result<string> VariantOf(Api.Names.ModelName name, ModelStatus status, string folder, string asked)
    {
        if (!WireEnum.TryParse<Precision>(asked, out var precision) || !Precisions.WithVariant.Contains(precision))
        {
            return Problem.InvalidArgument(
                $"The query parameter '{Safetensors}' must be one of {string.Join(", ", Precisions.WithVariant.Select(WireEnum.TextOf))}, was '{(asked.Length <= 40 ? asked : asked[..40] + "...")}'");
        }

        return status.Preparation(precision) is { SafetensorsBytes: not null } && Directory.Exists(Path.Combine(folder, precision.VariantFolder()))
            ? precision.VariantFolder()
            : Problem.FailedPrecondition(
                $"model \"{name}\" has no safetensors variant in {asked}: firectl prepare-model {name} --precision {asked} --safetensors --wait, then fetch it");
    }

    /// <summary>What an address of a file is signed for.</summary>
    private static string Signed(string variant, string file) => variant.Length == 0 ? file : $"{variant}/{file}";

    private static async Task<Results<JsonHttpResult<EmptyResponse>, ProblemResult>> Put(
        string account, string model, string file, HttpContext context, ModelUpload upload, TransferAddress addresses, CancellationToken cancellation)
    {
        var request = context.Request;
        if (!Verified(request, account, model, file, addresses).TryGet(out var name, out var problem))
        {
            return new ProblemResult(problem);
        }

        if (request.Headers.ContentEncoding.Count > 0) return new ProblemResult(Problem.InvalidArgument("A compressed body is not accepted: send the file as it is"));
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            // the announced size of the file is the limit, and it is checked before the first byte is read
            limit.MaxRequestBodySize = null;
        }

        return (await upload.ReceiveAsync(name, file, request.ContentLength, request.Body, cancellation)).TryGet(out var empty, out problem)
            ? TypedResults.Json(empty, WireJson.Context.EmptyResponse)
            // nothing but the disk is exhausted here
            : new ProblemResult(problem, problem.Code == Code.ResourceExhausted ? StatusCodes.Status507InsufficientStorage : null);
    }

    private static Task<Results<PhysicalFileHttpResult, ProblemResult>> Fetch(
        string account, string model, string file, HttpContext context, ModelStore store, TransferAddress addresses, CancellationToken cancellation) =>
        FetchOfVariant(account, model, "", file, context, store, addresses, cancellation);

    private static async Task<Results<PhysicalFileHttpResult, ProblemResult>> FetchOfVariant(
        string account, string model, string variant, string file, HttpContext context, ModelStore store, TransferAddress addresses, CancellationToken cancellation)
    {
        if (!Verified(context.Request, account, model, file, addresses, variant).TryGet(out var name, out var problem))
        {
            return new ProblemResult(problem);
        }

        if (await store.FindAsync(name, cancellation) is not { Folder: { } folder })
        {
            return new ProblemResult(ModelNames.NotFound(name.ToString()));
        }

        var path = Path.Combine(folder, variant, file);
        return File.Exists(path)
            ? TypedResults.PhysicalFile(path, "application/octet-stream", enableRangeProcessing: true)
            : new ProblemResult(Problem.NotFound($"model \"{name}\" has no file {Signed(variant, file)}"));
    }

    /// <summary>
    /// The model that a signed address is for. The file's name is one that we signed, so it is a bare and allowed one, and so is the variant.
    /// </summary>
    private static Result<Api.Names.ModelName> Verified(
        HttpRequest request, string account, string model, string file, TransferAddress addresses, string variant = "")
    {
        if (QueryParameters.Check(request.Query, "expires", "signature") is { } unknown) return unknown;
        return ModelEndpoints.NameOf(account, model).TryGet(out var name, out _)
            && UploadFile.Fault(file) is null
            && (variant.Length == 0 || Precisions.WithVariant.Any(precision => precision.VariantFolder() == variant))
            && addresses.IsValid(request.Method, name, Signed(variant, file), request.Query["expires"], request.Query["signature"])
            ? name
            : new Problem(
                Code.Unauthenticated, "The address is not one that this server gave out, or its time is over: ask :getUploadEndpoint or :getDownloadEndpoint for a new one");
    }

    private static string Server(HttpRequest request) => $"{request.Scheme}://{request.Host}{request.PathBase}";
}
