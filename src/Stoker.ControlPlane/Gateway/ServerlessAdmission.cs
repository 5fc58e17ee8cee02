using System.Globalization;
using Microsoft.AspNetCore.Http;
using Stoker.Api.Names;
using Stoker.ControlPlane.Addons;
using Stoker.ControlPlane.Routing;
using Stoker.ControlPlane.Serverless;

namespace Stoker.ControlPlane.Gateway;

/// <summary>
/// What holds for requests on the serverless tier and for no others: their account's rates, which every answer tells. Whose turn it is
/// then is for the queue.
/// </summary>
internal sealed class ServerlessAdmission(RateLimits limits, AddonDemand addons, TimeProvider time)
{
    /// <summary>
    /// Bytes of a body for a token of its prompt: what English text has. It holds for the time of the request alone; then its tokens are known.
    /// </summary>
    private const int BytesPerToken = 4;

    /// <summary>RFC 8594: when the model leaves the tier.</summary>
    private const string SunsetHeader = "sunset";

    private const string AlternativeHeader = "x-stoker-alternative";

    /// <param name="ticket">Null where nothing is counted: on an account's own deployment.</param>
    /// <returns>The error to answer with; null: it may go on.</returns>
    public InferenceError? Admit(HttpContext context, Route route, AccountName caller, int bytes, out ServerlessTicket? ticket)
    {
        ticket = null;
        if (!route.IsShared) return null;
        if (route.Model.Retires is { } retires && retires.At <= time.GetUtcNow()) return Retired(route.BaseModel, retires);
        var (rate, estimate) = (limits.Of(caller), (bytes + BytesPerToken - 1L) / BytesPerToken);
        var verdict = rate.TryBegin(estimate, limits.Now);
        Tell(context.Response, rate.Tier, verdict, route.Model.Retires);
        if (verdict.Over is { } over) return TooMany(over, rate.Tier, verdict.RetryAfter);
        ticket = new(rate, new(caller, estimate));
        if (route.Addon is { } addon) addons.Used(route.Name, addon.Model, time.GetUtcNow());
        return null;
    }

    /// <summary>
    /// However it ended: by what its answer told, and else by what is known. One that had no place used nothing; of a stream that broke off its
    /// events tell, of an answer that was not streamed nobody, so that what it was counted as stands.
    /// </summary>
    public void End(ServerlessTicket ticket, Exchange exchange)
    {
        var (usage, fair) = (exchange.Usage, ticket.Fair);
        long? prompt = usage.IsTold ? usage.PromptTokens : exchange.Progress.HasBegun ? fair.PromptTokens : null;
        long generated = usage.IsTold ? usage.GeneratedTokens : exchange.Progress.Events;
        exchange.Route.Queue.Ended(fair, prompt, generated);
        if (prompt is null && fair.Charged is { } charged) (prompt, generated) = (fair.PromptTokens, charged - fair.PromptTokens);
        ticket.Rate.End(fair.PromptTokens, prompt ?? 0, generated, limits.Now);
    }

    /// <summary>What a name that leads nowhere is answered with: of a model that left the tier it says so.</summary>
    public static InferenceError Missing(RoutingTable table, ModelReference? reference) =>
        reference is { Model: { } model } && table.Retired(reference) is { } retired ? Retired(model, retired) : InferenceError.ModelNotFound;

    private static InferenceError Retired(ModelName model, Retirement retired) => new(
        StatusCodes.Status404NotFound,
        "MODEL_DEPRECATED",
        $"{model} is not on the serverless tier any more: use {(retired.Alternative is { } other ? $"{other} instead, or " : "")}a deployment of your own (firectl create deployment {model})",
        "model");

    /// <summary>On whatever is answered, errors too, which clear the headers that were there before.</summary>
    private static void Tell(HttpResponse response, ServerlessTier tier, RateVerdict verdict, Retirement? retires) => response.OnStarting(() =>
    {
        var headers = response.Headers;
        headers["x-ratelimit-limit-requests"] = Text(tier.RequestsPerMinute);
        headers["x-ratelimit-remaining-requests"] = Text(verdict.Left.Requests);
        headers["x-ratelimit-limit-tokens-prompt"] = Text(tier.PromptTokensPerMinute);
        headers["x-ratelimit-remaining-tokens-prompt"] = Text(verdict.Left.PromptTokens);
        headers["x-ratelimit-limit-tokens-generated"] = Text(tier.GeneratedTokensPerMinute);
        headers["x-ratelimit-remaining-tokens-generated"] = Text(verdict.Left.GeneratedTokens);
        headers["x-ratelimit-over-limit"] = verdict.Over is null ? "no" : "yes";
        if (retires is not null) headers[SunsetHeader] = retires.At.ToString("r", CultureInfo.InvariantCulture);
        if (retires?.Alternative is { } alternative) headers[AlternativeHeader] = alternative.ToString();
        return Task.CompletedTask;
    });

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static InferenceError TooMany(RateKind over, ServerlessTier tier, TimeSpan retryAfter)
    {
        var (limit, what) = over switch
        {
            RateKind.Requests => (tier.RequestsPerMinute, "requests"),
            RateKind.PromptTokens => (tier.PromptTokensPerMinute, "prompt tokens"),
            _ => (tier.GeneratedTokensPerMinute, "generated tokens"),
        };
        return new(
            StatusCodes.Status429TooManyRequests,
            "RATE_LIMIT_EXCEEDED",
            $"rate limit exceeded, please try again later: your account may use {Text(limit)} {what} per minute on the serverless tier. "
                + "Wait as Retry-After says, or use a deployment of your own, which has no such limit")
        {
            RetryAfter = retryAfter,
        };
    }
}
