using System.CommandLine;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;

namespace Firectl.Models;

/// <summary><c>firectl prepare-model MODEL --precision FP8</c>: begun by the server, waited for on request.</summary>
internal static class PrepareModel
{
    public static Verb Build(Command command)
    {
        var name = ModelVerbs.NameArgument(command);
        var precision = new Option<string>("--precision") { Description = "FP8, FP4 or INT8", Required = true };
        var safetensors = new Option<bool>("--safetensors") { Description = "Write a safetensors variant for other engines too (FP8 or INT8)" };
        var waiting = new Waiting(TimeSpan.FromMinutes(30));
        command.Options.Add(precision);
        command.Options.Add(safetensors);
        waiting.AddTo(command);
        return async (invocation, cancellation) =>
        {
            var model = await name.OfAsync(invocation, cancellation);
            var body = new PrepareModelRequest { Precision = invocation.Value(precision)!.ToUpperInvariant(), StokerSafetensors = invocation.Given(safetensors) };
            var (address, type) = ($"v1/{model}:prepare", ServerConnection.Type<PrepareModelRequest>());
            if (invocation.IsDryRun) return await invocation.WriteRequestAsync(HttpMethod.Post, address, body, type);
            await invocation.Server.SendAsync(HttpMethod.Post, address, body, type, ServerConnection.Type<EmptyResponse>(), cancellation);
            if (waiting.IsAsked(invocation)) await PreparedAsync(invocation, waiting, model, body, cancellation);
            await ModelVerbs.ShowAsync(invocation, model, cancellation);
            return 0;
        };
    }

    private static async Task PreparedAsync(Invocation invocation, Waiting waiting, ModelName model, PrepareModelRequest asked, CancellationToken cancellation)
    {
        var (isThere, last) = await waiting.UntilAsync(
            invocation,
            $"{model} for {asked.Precision}",
            async token => See(await invocation.Server.GetAsync($"v1/{model}", ServerConnection.Type<ModelResource>(), token), asked),
            seen => seen switch
            {
                { IsThere: true } => ("READY", true),
                { Preparation: { } now } => ($"{now.State}, {now.Percent} %", now.State == "FAILED"),
                _ => ("not asked for any more", true),
            },
            cancellation);
        if (!isThere)
        {
            throw new ProblemException(Problem.FailedPrecondition(
                $"{model} is not prepared for {asked.Precision}: {last?.Message ?? "its files changed meanwhile, prepare it again"}"));
        }
    }

    private static (bool IsThere, ModelPreparationResource? Preparation) See(ModelResource model, PrepareModelRequest asked)
    {
        var preparation = model.StokerPreparations?.FirstOrDefault(one => one.Precision == asked.Precision);
        var isThere = asked.StokerSafetensors == true
            ? preparation is { State: "READY", Safetensors.SizeBytes: not null }
            : model.SupportedPrecisions?.Contains(asked.Precision!) == true;
        return (isThere, preparation);
    }
}
