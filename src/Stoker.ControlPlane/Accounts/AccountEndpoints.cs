using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Stoker.Api;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Accounts;

public static class AccountEndpoints
{
    private static readonly Listing<AccountResource> Accounts =
        new(ApiJson.Default.AccountResource, account => account.Name, "name");
    private static readonly Listing<UserResource> Users = new(ApiJson.Default.UserResource, user => user.Name, "name");
    private static readonly Listing<ApiKeyResource> Keys =
        new(ApiJson.Default.ApiKeyResource, key => key.KeyId, "create_time");

    public static void MapAccounts(this IEndpointRouteBuilder routes)
    {
        // Whoever has a key may ask what it is.
        routes.MapGet("/v1/whoami", WhoAmI).WithTags("Accounts").RequireAccess(KeyScopes.All);
        var v1 = routes.MapGroup("/v1").WithTags("Accounts").RequireAccess();
        v1.AddEndpointFilter(Failures.Answer);
        v1.MapGet("/accounts", ListAccountsAsync);
        v1.MapPost("/accounts", CreateAccountAsync);
        v1.MapGet("/accounts/{account}", GetAccountAsync);
        v1.MapPatch("/accounts/{account}", UpdateAccountAsync);
        v1.MapGet("/accounts/{account}/users", ListUsersAsync);
        v1.MapPost("/accounts/{account}/users", CreateUserAsync);
        v1.MapGet("/accounts/{account}/users/{user}", GetUserAsync);
        v1.MapPatch("/accounts/{account}/users/{user}", UpdateUserAsync);
        v1.MapDelete("/accounts/{account}/users/{user}", DeleteUserAsync);
        v1.MapGet("/accounts/{account}/users/{user}/apiKeys", ListKeysAsync);
        v1.MapPost("/accounts/{account}/users/{user}/apiKeys", CreateKeyAsync);
        v1.MapPost("/accounts/{account}/users/{user}/apiKeys:delete", DeleteKeyAsync);
    }

    private static JsonHttpResult<WhoAmIResponse> WhoAmI(HttpContext context)
    {
        var caller = context.GetPrincipal();
        return Ok(
            new WhoAmIResponse(caller.Account.ToString(), caller.User.ToString(), caller.Role.WireName(), caller.KeyId) { Scopes = [caller.Scopes.WireName()] },
            WireJson.Context.WhoAmIResponse);
    }

    private static async Task<IResult> ListAccountsAsync(HttpContext context, AccountCommands commands, CancellationToken cancellation)
    {
        if (!ListQuery.From(context.Request.Query, "", Accounts).TryGet(out var query, out var problem)) return new ProblemResult(problem);
        var page = query.Of(await commands.ListAsync(context.GetPrincipal(), cancellation));
        return Ok(
            new ListAccountsResponse { Accounts = page.Items, NextPageToken = page.NextPageToken, TotalSize = page.TotalSize },
            WireJson.Context.ListAccountsResponse);
    }

    private static async Task<IResult> GetAccountAsync(
        HttpContext context, string account, AccountCommands commands, CancellationToken cancellation)
    {
        if (!ReadMasked(context, Accounts.Json).TryGet(out var mask, out var problem))
        {
            return new ProblemResult(problem);
        }

        if (!ResourceId.TryParse(account, out var id)) return Missing($"accounts/{account}");
        var found = await commands.FindAsync(new(id), cancellation);
        return Ok(found.Then<AccountResource>(resource => mask.Apply(resource)), WireJson.Context.AccountResource);
    }

    private static async Task<IResult> CreateAccountAsync(HttpContext context, AccountCommands commands, CancellationToken cancellation)
    {
        if (QueryParameters.Check(context.Request.Query, "accountId") is { } unknown) return new ProblemResult(unknown);
        var body = await JsonBody.ReadAsync(context.Request, ApiJson.Default.AccountResource, cancellation);
        if (!body.TryGet(out var account, out var problem)) return new ProblemResult(problem);
        return Ok(
            await commands.CreateAsync(context.GetPrincipal(), context.Request.Query["accountId"], account, cancellation),
            WireJson.Context.AccountResource);
    }

    private static async Task<IResult> UpdateAccountAsync(
        HttpContext context, string account, AccountCommands commands, CancellationToken cancellation)
    {
        if (QueryParameters.Check(context.Request.Query, "updateMask") is { } unknown) return new ProblemResult(unknown);
        if (!ResourceId.TryParse(account, out var id)) return Missing($"accounts/{account}");
        var body = await JsonBody.ReadAsync(context.Request, ApiJson.Default.AccountResource, cancellation);
        if (!body.TryGet(out var patch, out var problem)) return new ProblemResult(problem);
        return Ok(
            await commands.UpdateAsync(context.GetPrincipal(), new(id), context.Request.Query["updateMask"], patch, cancellation),
            WireJson.Context.AccountResource);
    }

    private static async Task<IResult> ListUsersAsync(
        HttpContext context, string account, UserCommands commands, CancellationToken cancellation)
    {
        if (!ListQuery.From(context.Request.Query, account, Users).TryGet(out var query, out var problem))
        {
            return new ProblemResult(problem);
        }

        if (!ResourceId.TryParse(account, out var id)) return Missing($"accounts/{account}");
        var page = query.Of(await commands.ListAsync(new(id), cancellation));
        return Ok(
            new ListUsersResponse { Users = page.Items, NextPageToken = page.NextPageToken, TotalSize = page.TotalSize },
            WireJson.Context.ListUsersResponse);
    }

    private static async Task<IResult> GetUserAsync(
        HttpContext context, string account, string user, UserCommands commands, CancellationToken cancellation)
    {
        if (!ReadMasked(context, Users.Json).TryGet(out var mask, out var problem)) return new ProblemResult(problem);
        if (!Named(account, user, out var name)) return Missing($"accounts/{account}/users/{user}");
        var found = await commands.FindAsync(name, cancellation);
        return Ok(found.Then<UserResource>(resource => mask.Apply(resource)), WireJson.Context.UserResource);
    }

    private static async Task<IResult> CreateUserAsync(
        HttpContext context, string account, UserCommands commands, CancellationToken cancellation)
    {
        if (QueryParameters.Check(context.Request.Query, "userId") is { } unknown) return new ProblemResult(unknown);
        if (!ResourceId.TryParse(account, out var id)) return Missing($"accounts/{account}");
        var body = await JsonBody.ReadAsync(context.Request, ApiJson.Default.UserResource, cancellation);
        if (!body.TryGet(out var user, out var problem)) return new ProblemResult(problem);
        return Ok(
            await commands.CreateAsync(context.GetPrincipal(), new(id), context.Request.Query["userId"], user, cancellation),
            WireJson.Context.UserResource);
    }

    private static async Task<IResult> UpdateUserAsync(
        HttpContext context, string account, string user, UserCommands commands, CancellationToken cancellation)
    {
        if (QueryParameters.Check(context.Request.Query, "updateMask") is { } unknown) return new ProblemResult(unknown);
        if (!Named(account, user, out var name)) return Missing($"accounts/{account}/users/{user}");
        var body = await JsonBody.ReadAsync(context.Request, ApiJson.Default.UserResource, cancellation);
        if (!body.TryGet(out var patch, out var problem)) return new ProblemResult(problem);
        return Ok(
            await commands.UpdateAsync(context.GetPrincipal(), name, context.Request.Query["updateMask"], patch, cancellation),
            WireJson.Context.UserResource);
    }

    private static async Task<IResult> DeleteUserAsync(
        HttpContext context, string account, string user, UserCommands commands, CancellationToken cancellation)
    {
        if (QueryParameters.Check(context.Request.Query) is { } unknown) return new ProblemResult(unknown);
        if (!Named(account, user, out var name)) return Missing($"accounts/{account}/users/{user}");
        return Ok(await commands.DeleteAsync(context.GetPrincipal(), name, cancellation), WireJson.Context.EmptyResponse);
    }

    private static async Task<IResult> ListKeysAsync(
        HttpContext context, string account, string user, ApiKeyCommands commands, CancellationToken cancellation)
    {
        var (caller, asked) = (context.GetPrincipal(), $"accounts/{account}/users/{user}");
        if (!ListQuery.From(context.Request.Query, asked, Keys).TryGet(out var query, out var problem))
        {
            return new ProblemResult(problem);
        }

        // "-" stands for every user, as in all such lists of resources of resources.
        var everybodys = user == "-" && ResourceId.TryParse(account, out _);
        if (!Named(account, user, out var name) && !everybodys) return Missing(asked);
        var listed = everybodys
            ? await commands.ListAllAsync(caller, new(ResourceId.Parse(account)), cancellation)
            : await commands.ListAsync(caller, name, cancellation);
        if (!listed.TryGet(out var keys, out problem)) return new ProblemResult(problem);
        var page = query.Of(keys);
        return Ok(
            new ListApiKeysResponse { ApiKeys = page.Items, NextPageToken = page.NextPageToken, TotalSize = page.TotalSize },
            WireJson.Context.ListApiKeysResponse);
    }

    private static async Task<IResult> CreateKeyAsync(
        HttpContext context, string account, string user, ApiKeyCommands commands, CancellationToken cancellation)
    {
        if (QueryParameters.Check(context.Request.Query) is { } unknown) return new ProblemResult(unknown);
        if (!Named(account, user, out var name)) return Missing($"accounts/{account}/users/{user}");
        var body = await JsonBody.ReadAsync(context.Request, ApiJson.Default.CreateApiKeyRequest, cancellation);
        if (!body.TryGet(out var request, out var problem)) return new ProblemResult(problem);
        return Ok(
            await commands.CreateAsync(context.GetPrincipal(), name, request.ApiKey ?? new(), cancellation), WireJson.Context.ApiKeyResource);
    }

    private static async Task<IResult> DeleteKeyAsync(
        HttpContext context, string account, string user, ApiKeyCommands commands, CancellationToken cancellation)
    {
        if (QueryParameters.Check(context.Request.Query) is { } unknown) return new ProblemResult(unknown);
        if (!Named(account, user, out var name)) return Missing($"accounts/{account}/users/{user}");
        var body = await JsonBody.ReadAsync(context.Request, ApiJson.Default.DeleteApiKeyRequest, cancellation);
        if (!body.TryGet(out var request, out var problem)) return new ProblemResult(problem);
        var deleted = await commands.DeleteAsync(context.GetPrincipal(), name, request.KeyId, cancellation);
        if (deleted.Problem is null) ActedOn.Note(context, $"{name}/{ApiKeyName.Collection}/{request.KeyId}"); // the path does not say which
        return Ok(deleted, WireJson.Context.EmptyResponse);
    }

    private static Result<ReadMask<T>> ReadMasked<T>(HttpContext context, JsonTypeInfo<T> json)
        where T : notnull =>
        QueryParameters.Check(context.Request.Query, "readMask") is { } unknown
            ? unknown
            : ReadMask.From(context.Request.Query["readMask"], json);

    private static bool Named(string account, string user, out UserName name)
    {
        name = ResourceId.TryParse(account, out var accountId) && ResourceId.TryParse(user, out var userId) ? new(accountId, userId) : null!;
        return name is not null;
    }

    private static ProblemResult Missing(string name) => new(MissingResource.Problem(name));

    private static IResult Ok<T>(Result<T> result, JsonTypeInfo<T> json)
        where T : notnull =>
        result.TryGet(out var value, out var problem) ? Ok(value, json) : new ProblemResult(problem);

    private static JsonHttpResult<T> Ok<T>(T value, JsonTypeInfo<T> json) => TypedResults.Json(value, json);
}
