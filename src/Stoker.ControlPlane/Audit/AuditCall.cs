using Microsoft.AspNetCore.Http;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Resources;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Audit;

/// <summary>One call on its way through a route, and what of it goes into the log: names and codes, nothing of its body.</summary>
internal sealed class AuditCall(HttpContext context, string method, DateTimeOffset began)
{
    /// <summary>Who sends a file to a signed address has no key; who asked for the address has an entry of its own.</summary>
    private const string SignedAddress = "signed address";

    // A path is the caller's own text and may be long.
    private const int MaxResource = 256;

    private readonly string _id = Guid.CreateVersion7(began).ToString("N");
    private string? _made;
    private Code? _code;

    public bool IsOpen { get; set; }

    public bool IsFinished { get; set; }

    private Principal? Caller => context.Features.Get<Principal>();

    /// <summary>
    /// Whether there is anything to log: a caller, or a stranger whom a signed address let in. Who had neither changed nothing,
    /// and could fill the log. A validation changes nothing.
    /// </summary>
    public bool Counts => (Caller is not null || context.Response.StatusCode is >= 200 and < 300)
        && !(context.Request.Query.ContainsKey("validateOnly") && QueryParameters.Flag(context.Request.Query, "validateOnly") is { Problem: null, Value: true });

    public string Status => (_code ?? (context.Response.HasStarted || context.Response.StatusCode != StatusCodes.Status200OK
        ? CodeTable.FromHttpStatus(context.Response.StatusCode)
        : context.RequestAborted.IsCancellationRequested ? Code.Cancelled : Code.Ok)).Row().WireName;

    public bool HasCaller => Caller is not null;

    public AuditEntry Entry()
    {
        var asked = context.Request.RouteValues["account"] as string;
        var actor = Caller?.Account.ToString();
        var account = AccountOf(asked) ?? actor ?? AccountName.Library.ToString();
        return new(
            _id, began, account, actor ?? account, Caller?.User.ToString() ?? SignedAddress, Caller?.Email, Caller?.KeyId,
            method, Resource, context.Connection.RemoteIpAddress?.ToString() ?? "", Caller is { IsOperator: true } && account != actor);
    }

    /// <summary>What the handler answered, before it is written: the name of what was made, and the code of a failure.</summary>
    public void See(object? result)
    {
        while (result is INestedHttpResult nested) result = nested.Result;
        if (result is ProblemResult problem) _code = problem.Problem.Code;
        if (result is IValueHttpResult { Value: { } value }) (_code, _made) = (Code.Ok, NameOf(value));
    }

    /// <summary>
    /// Another's account is named in the log of its own only by those who manage it: who asks in vain for what is not his leaves
    /// his name with his own account, and nobody learns from another who he is.
    /// </summary>
    private string? AccountOf(string? asked) =>
        ResourceId.TryParse(asked, out var id) && new AccountName(id) is var name
            && (Caller is null || Caller.IsOperator || Caller.Account == name)
            ? name.ToString()
            : null;

    private string Resource
    {
        get
        {
            if (context.Features.Get<ActedOn>() is { } found) return found.Name;
            if (_made is not null) return _made;
            var path = context.Request.Path.Value ?? "";
            path = path.StartsWith("/v1/", StringComparison.OrdinalIgnoreCase) ? path[4..] : path;
            path = path.Split(':')[0].TrimEnd('/');
            return string.Concat(path.Take(MaxResource).Select(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '-' or '_' or '.' ? c : '?'));
        }
    }

    private static string? NameOf(object value) => value switch
    {
        AccountResource account => account.Name,
        UserResource user => user.Name,
        ApiKeyResource key => $"{key.User}/apiKeys/{key.KeyId}",
        ModelResource model => model.Name,
        DeploymentResource deployment => deployment.Name,
        DeployedModelResource deployed => deployed.Name,
        ReservationResource reservation => reservation.Name,
        QuotaResource quota => quota.Name,
        _ => null,
    };
}
