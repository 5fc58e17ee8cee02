using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Capacity;

/// <summary>Regions and accelerators with what is available, reservations, quotas.</summary>
public static class CapacityEndpoints
{
    private static readonly Listing<RegionResource> Regions = new(WireJson.Context.RegionResource, region => region.Name, "name");
    private static readonly Listing<AcceleratorResource> Accelerators = new(WireJson.Context.AcceleratorResource, accelerator => accelerator.Name, "name");

    public static void MapCapacity(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/accounts/{account}").WithTags("Capacity").RequireAccess();
        group.AddEndpointFilter(Failures.Answer);
        group.MapGet("/regions", ListRegions);
        group.MapGet("/accelerators", ListAccelerators);
        group.MapPost("/reservations", CreateReservation);
        group.MapGet("/reservations", ListReservations);
        group.MapGet("/reservations/{reservation}", GetReservation);
        group.MapPatch("/reservations/{reservation}", UpdateReservation);
        group.MapDelete("/reservations/{reservation}", DeleteReservation);
        group.MapGet("/quotas", ListQuotas);
        group.MapGet("/quotas/{quota}", GetQuota);
        group.MapPatch("/quotas/{quota}", UpdateQuota);
    }

    private static async Task<IResult> ListRegions(
        string account, HttpRequest request, Inventory inventory, CapacityTermsStore terms, ICapacityUse use, TimeProvider time, CancellationToken cancellation)
    {
        if (!Account(account, out var parent)) return Missing($"accounts/{account}");
        if (!ListQuery.From(request.Query, account, Regions).TryGet(out var query, out var problem)) return new ProblemResult(problem);
        var view = new Availability(inventory, await terms.ReadAsync(cancellation), await use.HoldingsAsync(cancellation), time.GetUtcNow());
        var page = query.Of(view.Regions(parent));
        return Json(
            new ListRegionsResponse { Regions = page.Items, NextPageToken = page.NextPageToken, TotalSize = page.TotalSize }, WireJson.Context.ListRegionsResponse);
    }

    private static async Task<IResult> ListAccelerators(
        string account, HttpRequest request, Inventory inventory, CapacityTermsStore terms, ICapacityUse use, TimeProvider time, CancellationToken cancellation)
    {
        if (!Account(account, out var parent)) return Missing($"accounts/{account}");
        if (!ListQuery.From(request.Query, account, Accelerators).TryGet(out var query, out var problem)) return new ProblemResult(problem);
        var view = new Availability(inventory, await terms.ReadAsync(cancellation), await use.HoldingsAsync(cancellation), time.GetUtcNow());
        var page = query.Of(view.Accelerators(parent));
        return Json(
            new ListAcceleratorsResponse { Accelerators = page.Items, NextPageToken = page.NextPageToken, TotalSize = page.TotalSize },
            WireJson.Context.ListAcceleratorsResponse);
    }

    private static async Task<IResult> CreateReservation(string account, HttpContext context, ReservationCommands commands, CancellationToken cancellation)
    {
        if (!Account(account, out var parent)) return Missing($"accounts/{account}");
        if (QueryParameters.Check(context.Request.Query, "reservationId") is { } unknown) return new ProblemResult(unknown);
        if (!(await JsonBody.ReadAsync(context.Request, WireJson.Context.ReservationResource, cancellation)).TryGet(out var body, out var problem)) return new ProblemResult(problem);
        return Answer(await commands.CreateAsync(context.GetPrincipal(), parent, context.Request.Query["reservationId"], body, cancellation), WireJson.Context.ReservationResource);
    }

    private static async Task<IResult> ListReservations(string account, HttpRequest request, ReservationCommands commands, CancellationToken cancellation)
    {
        if (!Account(account, out var parent)) return Missing($"accounts/{account}");
        if (!ListQuery.From(request.Query, account, ReservationRules.Listing).TryGet(out var query, out var problem)) return new ProblemResult(problem);
        if (!QueryParameters.Flag(request.Query, "showInactive").TryGet(out var showInactive, out problem)) return new ProblemResult(problem);
        var page = query.Of((await commands.ListAsync(parent, cancellation)).Where(reservation => showInactive || reservation.Active == true));
        return Json(
            new ListReservationsResponse { Reservations = page.Items, NextPageToken = page.NextPageToken, TotalSize = page.TotalSize },
            WireJson.Context.ListReservationsResponse);
    }

    private static async Task<IResult> GetReservation(
        string account, string reservation, HttpRequest request, ReservationCommands commands, CancellationToken cancellation)
    {
        if (QueryParameters.Check(request.Query) is { } unknown) return new ProblemResult(unknown);
        return Name(account, ReservationName.Collection, reservation, out ReservationName? name)
            ? Answer(await commands.FindAsync(name!, cancellation), WireJson.Context.ReservationResource)
            : Missing($"accounts/{account}/reservations/{reservation}");
    }

    private static async Task<IResult> UpdateReservation(
        string account, string reservation, HttpContext context, ReservationCommands commands, CancellationToken cancellation)
    {
        if (!Name(account, ReservationName.Collection, reservation, out ReservationName? name)) return Missing($"accounts/{account}/reservations/{reservation}");
        if (QueryParameters.Check(context.Request.Query, "updateMask") is { } unknown) return new ProblemResult(unknown);
        if (!(await JsonBody.ReadAsync(context.Request, WireJson.Context.ReservationResource, cancellation)).TryGet(out var patch, out var problem)) return new ProblemResult(problem);
        return Answer(await commands.UpdateAsync(context.GetPrincipal(), name!, patch, context.Request.Query["updateMask"], cancellation), WireJson.Context.ReservationResource);
    }

    private static async Task<IResult> DeleteReservation(
        string account, string reservation, HttpContext context, ReservationCommands commands, CancellationToken cancellation)
    {
        if (QueryParameters.Check(context.Request.Query) is { } unknown) return new ProblemResult(unknown);
        return Name(account, ReservationName.Collection, reservation, out ReservationName? name)
            ? Answer(await commands.DeleteAsync(context.GetPrincipal(), name!, cancellation), WireJson.Context.EmptyResponse)
            : Missing($"accounts/{account}/reservations/{reservation}");
    }

    private static async Task<IResult> ListQuotas(string account, HttpRequest request, QuotaCommands commands, CancellationToken cancellation)
    {
        if (!Account(account, out var parent)) return Missing($"accounts/{account}");
        if (!ListQuery.From(request.Query, account, QuotaCommands.Listing).TryGet(out var query, out var problem)) return new ProblemResult(problem);
        var page = query.Of(await commands.ListAsync(parent, cancellation));
        return Json(new ListQuotasResponse { Quotas = page.Items, NextPageToken = page.NextPageToken, TotalSize = page.TotalSize }, WireJson.Context.ListQuotasResponse);
    }

    private static async Task<IResult> GetQuota(string account, string quota, HttpRequest request, QuotaCommands commands, CancellationToken cancellation)
    {
        if (QueryParameters.Check(request.Query) is { } unknown) return new ProblemResult(unknown);
        return Name(account, QuotaName.Collection, quota, out QuotaName? name)
            ? Answer(await commands.FindAsync(name!, cancellation), WireJson.Context.QuotaResource)
            : Missing($"accounts/{account}/quotas/{quota}");
    }

    /// <summary><c>allowMissing</c> is as it comes: every type there is has a quota, so none is ever missing.</summary>
    private static async Task<IResult> UpdateQuota(string account, string quota, HttpContext context, QuotaCommands commands, CancellationToken cancellation)
    {
        if (!Name(account, QuotaName.Collection, quota, out QuotaName? name)) return Missing($"accounts/{account}/quotas/{quota}");
        if (QueryParameters.Check(context.Request.Query, "updateMask", "allowMissing") is { } unknown) return new ProblemResult(unknown);
        if (QueryParameters.Flag(context.Request.Query, "allowMissing").Problem is { } flag) return new ProblemResult(flag);
        if (!(await JsonBody.ReadAsync(context.Request, WireJson.Context.QuotaResource, cancellation)).TryGet(out var patch, out var problem)) return new ProblemResult(problem);
        return Answer(await commands.UpdateAsync(context.GetPrincipal(), name!, patch, context.Request.Query["updateMask"], cancellation), WireJson.Context.QuotaResource);
    }

    private static bool Account(string text, out AccountName name)
    {
        name = ResourceId.TryParse(text, out var id) ? new(id) : null!;
        return name is not null;
    }

    private static bool Name<T>(string account, string collection, string id, out T? name)
        where T : class, IParsable<T> => T.TryParse($"accounts/{account}/{collection}/{id}", null, out name);

    private static ProblemResult Missing(string name) => new(MissingResource.Problem(name));

    private static IResult Answer<T>(Result<T> result, JsonTypeInfo<T> json)
        where T : notnull =>
        result.TryGet(out var value, out var problem) ? Json(value, json) : new ProblemResult(problem);

    private static JsonHttpResult<T> Json<T>(T value, JsonTypeInfo<T> json) => TypedResults.Json(value, json);
}
