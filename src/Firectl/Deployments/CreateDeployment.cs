using System.CommandLine;
using System.Text.Json;
using Stoker.Api;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;

namespace Firectl.Deployments;

/// <summary>
/// <c>firectl create deployment MODEL</c>: flags become the body; a bare model ID is resolved by the server.
/// </summary>
internal static class CreateDeployment
{
    public static Verb Build(Command command)
    {
        var model = new Argument<string>("MODEL") { Description = "The model: an ID of your account or of the library, or a full name" };
        var id = new Option<string?>("--deployment-id") { Description = "Its ID (default: random)" };
        var region = new Option<string?>("--region") { Description = "A region such as us-iowa-1, or a group: global, us, europe, apac (default: chosen by free capacity); it never changes" };
        var multiRegion = new Option<string?>("--multi-region") { Description = "A group of regions, such as GLOBAL" };
        var noSpeculation = new Option<bool>("--disable-speculative-decoding") { Description = "Do not take the model's default draft model; not together with --draft-model or --ngram-speculation-length" };
        var expire = new Option<string?>("--expire-time") { Description = "When it is deleted, YYYY-MM-DD[ HH:MM:SS] (not available)" };
        var file = new Option<FileInfo?>("--file") { Description = "A JSON file with the deployment's fields; flags win over it" };
        var validateOnly = new Option<bool>("--validate-only") { Description = "Check everything, create nothing" };
        var (flags, waiting) = (new DeploymentFlags(), new Waiting(TimeSpan.FromHours(1)));
        command.Arguments.Add(model);
        foreach (var option in new Option[] { id, region, multiRegion, noSpeculation, expire, file, validateOnly }) command.Options.Add(option);
        flags.AddTo(command);
        waiting.AddTo(command);

        return async (invocation, cancellation) =>
        {
            var body =
                flags.Over(Read(invocation.Value(file)), invocation) with { BaseModel = invocation.Value(model) };
            if (invocation.Value(region) is { } chosen) body = body with { Placement = Where(WireRegion(chosen)) };
            if (invocation.Value(multiRegion) is { } group) body = body with { Placement = (body.Placement ?? new()) with { MultiRegion = WireRegion(group) } };
            if (invocation.Value(expire) is { } time) body = body with { ExpireTime = ExpireTime.Parse(time) };

            var path = $"v1/{await invocation.AccountAsync(cancellation)}/deployments" + Query(
                ("deploymentId", invocation.Value(id)),
                ("validateOnly", invocation.Value(validateOnly) ? "true" : null),
                ("disableSpeculativeDecoding", invocation.Value(noSpeculation) ? "true" : null));
            var type = ServerConnection.Type<DeploymentResource>();
            if (invocation.IsDryRun) return await invocation.WriteRequestAsync(HttpMethod.Post, path, body, type);

            var created = await invocation.Server.SendAsync(HttpMethod.Post, path, body, type, type, cancellation);
            if (waiting.IsAsked(invocation) && !invocation.Value(validateOnly)) created = await ReadyAsync(invocation, waiting, created, cancellation);
            await DeploymentVerbs.WriteAsync(invocation, created);
            foreach (var note in Notes(created)) await invocation.Context.Errors.WriteLineAsync(note);
            if (!invocation.Value(noSpeculation) && await DraftNoteAsync(invocation, body, created, cancellation) is { } drafts) await invocation.Context.Errors.WriteLineAsync(drafts);
            return 0;
        };
    }

    /// <summary>What one should know of the hardware that it got.</summary>
    private static IEnumerable<string> Notes(DeploymentResource created)
    {
        if (created.Emulated == true) yield return $"Note: {created.AcceleratorType} is emulated here: no such accelerators are there.";
        if (created.AcceleratorCount > 1)
        {
            yield return $"Note: with {created.AcceleratorCount} accelerators a replica is faster, but less than {created.AcceleratorCount} times; "
                + "more replicas serve more requests in proportion.";
        }
    }

    /// <summary>What drafts for it by default, or what could.</summary>
    private static async Task<string?> DraftNoteAsync(
        Invocation invocation, DeploymentResource asked, DeploymentResource created, CancellationToken cancellation)
    {
        if (asked.DraftModel is { Length: > 0 } || asked.NgramSpeculationLength > 0 || asked.DraftTokenCount == 0) return null;
        if (created.DraftModel is { Length: > 0 } draft)
        {
            return $"Note: {draft} drafts {created.DraftTokenCount} tokens at a time, the model's default; --disable-speculative-decoding leaves it out.";
        }

        try
        {
            var model = await invocation.Server.GetAsync($"v1/{created.BaseModel}", ServerConnection.Type<ModelResource>(), cancellation);
            return RecommendedDrafts.For(model) is var (recommended, tokens)
                ? $"Hint: speculative decoding mostly pays for a model of this size: --draft-model {recommended} --draft-token-count {tokens}"
                : null;
        }
        catch (ProblemException)
        {
            return null; // the deployment is there; a hint is not worth an error
        }
    }

    /// <summary>The newest hosted tool takes groups of regions by the same flag.</summary>
    private static PlacementResource Where(string region) =>
        region is "GLOBAL" or "US" or "EUROPE" or "APAC" ? new() { MultiRegion = region } : new() { Region = region };

    /// <summary>Waits until it is ready, and fails with its reason when it will not be.</summary>
    internal static async Task<DeploymentResource> ReadyAsync(
        Invocation invocation, Waiting waiting, DeploymentResource created, CancellationToken cancellation)
    {
        var name = DeploymentName.Parse(created.Name!);
        var last = await waiting.UntilAsync(
            invocation,
            name.ToString(),
            token => DeploymentVerbs.GetAsync(invocation, name, token),
            seen => (DeploymentVerbs.StateLine(seen), seen.State is "READY" or "FAILED" or "DELETING" or "DELETED"),
            cancellation);
        return last.State == "READY"
            ? last
            : throw new ProblemException(Problem.FailedPrecondition(
                $"{name} is {last.State}, not READY: {last.Status?.Message ?? "no reason given"}; see: firectl get deployment {name.Deployment}"));
    }

    private static DeploymentResource Read(FileInfo? file)
    {
        if (file is null) return new DeploymentResource();
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(file.FullName), ApiJson.Default.DeploymentResource)
                ?? throw new JsonException("the file holds null");
        }
        catch (JsonException error)
        {
            throw new ProblemException(Problem.InvalidArgument($"--file {file.Name}: {Worded(error)}"));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ProblemException(Problem.InvalidArgument($"--file {file.FullName} cannot be read: {error.Message}"));
        }
    }

    /// <summary>The serializer names our types; where and what is enough.</summary>
    private static string Worded(JsonException error) => error.Path is ['$', '.', .. var path] && error.Message.Contains("could not be converted", StringComparison.Ordinal)
        ? $"{path} has a value out of range or of a wrong form, at line {error.LineNumber + 1}"
        : error.Message;

    internal static string WireRegion(string typed) => typed.ToUpperInvariant().Replace('-', '_');

    private static string Query(params (string Name, string? Value)[] parameters)
    {
        var given = parameters.Where(item => item.Value is not null).Select(item => $"{item.Name}={Uri.EscapeDataString(item.Value!)}").ToList();
        return given.Count == 0 ? "" : "?" + string.Join('&', given);
    }
}
