using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Stoker.Api;
using Stoker.Api.Replicas;
using Stoker.Engine;
using Stoker.Replica.Hosting;
using Stoker.Replica.Requests;

namespace Stoker.Replica.Endpoints;

/// <summary>What the replica's owner asks: is it well, keep it, end it.</summary>
internal sealed class OwnerEndpoints(ReplicaContext context)
{
    // The compiler makes it of the code, and changes it with every change of that.
    private static readonly string EngineBuild = typeof(InferenceEngine).Module.ModuleVersionId.ToString("N");

    public async Task HealthAsync(HttpContext http)
    {
        if (ReadWait(http.Request) is { } wait) await NewsAsync(wait, http.RequestAborted);
        var engine = context.Slot.Engine;
        var state = State();
        var health = new ReplicaHealth(
            context.ReplicaId,
            ReplicaProtocol.Version,
            state,
            state == "LOADING" ? context.Slot.Progress : null,
            engine?.MaxSequences,
            engine?.Statistics.KernelSet,
            (long?)engine?.Statistics.HeartbeatAge.TotalMilliseconds,
            context.Admission.Inside)
        {
            ReadyMs = context.Slot.ReadyFor?.TotalMilliseconds,
            EngineBuild = EngineBuild,
            CacheTokens = engine?.CacheTokens,
        };
        var status = state == "READY" ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        await ReplicaApp.WriteJsonAsync(http.Response, status, health, ApiJson.Default.ReplicaHealth, http.RequestAborted);
    }

    /// <summary>Renews only for the owner that knows this replica's id: a socket path may have been reused.</summary>
    public async Task RenewLeaseAsync(HttpContext http)
    {
        var request = await ReadAsync(http);
        if (request.ReplicaId != context.ReplicaId)
        {
            throw new ApiException(Conflict("This is another replica; look at /health.", "wrong_replica"));
        }

        if (!(request.Seconds is > 0 and <= Lease.MostSeconds))
        {
            throw Field.Refused("seconds", $"must be above 0 and up to {Lease.MostSeconds}");
        }

        if (!context.Lease.TryRenew(TimeSpan.FromSeconds(request.Seconds)))
        {
            throw new ApiException(Conflict("The lease has run out; this replica is ending.", "lease_expired"));
        }

        await WriteEmptyAsync(http);
    }

    public Task DrainAsync(HttpContext http)
    {
        context.Drain();
        return WriteEmptyAsync(http);
    }

    private static TimeSpan? ReadWait(HttpRequest request)
    {
        if (!request.Query.TryGetValue(ReplicaProtocol.HealthWaitQuery, out var text)) return null;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var wait) && wait <= ReplicaProtocol.MostHealthWaitMs
            ? TimeSpan.FromMilliseconds(wait)
            : throw Field.Refused(ReplicaProtocol.HealthWaitQuery, $"must be an integer from 0 to {ReplicaProtocol.MostHealthWaitMs}");
    }

    /// <summary>Only a load has news that its owner waits for: everything else the owner has asked for itself.</summary>
    private async Task NewsAsync(TimeSpan wait, CancellationToken cancellation)
    {
        var news = context.Slot.News; // before the look, so that nothing falls between the two
        if (State() != "LOADING") return;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        await Task.WhenAny(news, Task.Delay(wait, context.Time, over.Token));
        await over.CancelAsync(); // takes the timer down
    }

    private string State()
    {
        if (context.Slot.Failed) return "FAILED";
        if (context.Admission.Closed) return "DRAINING";
        return context.Slot.IsReady ? "READY" : "LOADING";
    }

    private static async Task<RenewLeaseRequest> ReadAsync(HttpContext http)
    {
        using var body = await RequestBody.ReadAsync(http.Request, http.RequestAborted);
        try
        {
            return JsonSerializer.Deserialize(body.Span, ApiJson.Default.RenewLeaseRequest)
                ?? throw Field.Refused("body", "must be an object with replicaId and seconds");
        }
        catch (JsonException)
        {
            throw Field.Refused("body", "must be an object with replicaId and seconds");
        }
    }

    private static ApiError Conflict(string message, string code) =>
        new(StatusCodes.Status409Conflict, "invalid_request_error", message, null, code);

    private static async Task WriteEmptyAsync(HttpContext http)
    {
        http.Response.ContentType = "application/json; charset=utf-8";
        http.Response.ContentLength = 2;
        await http.Response.Body.WriteAsync("{}"u8.ToArray(), http.RequestAborted);
    }
}
