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
        var name = new Argument<string>("MODEL") { Description = "An ID of your account, or a full name" };
        var precision = new Option<string>("--precision") { Description = "FP8, FP4 or INT8", Required = true };
        var waiting = new Waiting(TimeSpan.FromMinutes(30));
        command.Arguments.Add(name);
        command.Options.Add(precision);
        waiting.AddTo(command);
        return async (invocation, cancellation) =>
        {
            var model = await invocation.NameAsync<ModelName>(invocation.Value(name)!, ModelName.Collection, cancellation);
            var body = new PrepareModelRequest { Precision = invocation.Value(precision)!.ToUpperInvariant() };
            var (address, type) = ($"v1/{model}:prepare", ServerConnection.Type<PrepareModelRequest>());
            if (invocation.IsDryRun) return await invocation.WriteRequestAsync(HttpMethod.Post, address, body, type);
            await invocation.Server.SendAsync(HttpMethod.Post, address, body, type, ServerConnection.Type<EmptyResponse>(), cancellation);
            if (waiting.IsAsked(invocation)) await PreparedAsync(invocation, waiting, model, body.Precision, cancellation);
            await ModelVerbs.ShowAsync(invocation, model, cancellation);
            return 0;
        };
    }

    private static async Task PreparedAsync(Invocation invocation, Waiting waiting, ModelName model, string precision, CancellationToken cancellation)
    {
        var (isThere, last) = await waiting.UntilAsync(
            invocation,
            $"{model} for {precision}",
            async token => See(await invocation.Server.GetAsync($"v1/{model}", ServerConnection.Type<ModelResource>(), token), precision),
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
                $"{model} is not prepared for {precision}: {last?.Message ?? "its files changed meanwhile, prepare it again"}"));
        }
    }

    private static (bool IsThere, ModelPreparationResource? Preparation) See(ModelResource model, string precision) => (
        model.SupportedPrecisions?.Contains(precision) == true,
        model.StokerPreparations?.FirstOrDefault(preparation => preparation.Precision == precision));
}
