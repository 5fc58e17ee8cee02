using Stoker.Api.Names;

namespace Stoker.ControlPlane.Storage;

/// <summary>How a request ended. What of it is paid for is the rule of docs/billing.md: of two kinds, what the engine did.</summary>
public enum RequestStatus
{
    /// <summary>Its answer was whole before its client had the end of it. Paid for.</summary>
    Finished,

    /// <summary>Its client left, or stopped reading. Paid for as far as the engine says that it came.</summary>
    Cancelled,

    /// <summary>The platform failed it on the way. Not paid for.</summary>
    Failed,

    /// <summary>Nothing was generated: no place, or a body that the replica does not take. Not paid for.</summary>
    Refused,

    /// <summary>The gateway was killed while it ran; what came of it is not known. Not paid for.</summary>
    Lost,
}

/// <summary>The tokens of one request, all its choices together.</summary>
/// <param name="Cached">Of the prompt, those that the replica had from an earlier request.</param>
/// <param name="Generated">End tokens count.</param>
/// <param name="Drafted">Drafts that were verified, of which <paramref name="Accepted"/> became tokens of the answer.</param>
public readonly record struct RequestTokens(int Prompt, int Cached, int Generated, int Drafted = 0, int Accepted = 0);

/// <summary>A row of the token ledger: one request. It is written once; a correction is another row of another table.</summary>
/// <param name="Id">Made by the server: the one key.</param>
/// <param name="ClientId">The client's own <c>x-request-id</c>, which need not be unique; null when it sent none.</param>
/// <param name="Account">Who asked, and pays.</param>
/// <param name="ApiKey">The id of the key, as listings show it.</param>
/// <param name="Model">The base model.</param>
/// <param name="Addon">The addon that was asked for; null for the base model itself.</param>
/// <param name="Reason">A word of ours that says more of the status; empty for <see cref="RequestStatus.Finished"/>.</param>
/// <param name="BeginTime">When its last byte was here.</param>
/// <param name="EndTime">When the row was made; of a lost one when that was found out.</param>
/// <param name="FirstToken">From the begin to the head of the replica's answer; null when none came.</param>
public sealed record RequestRow(
    string Id, string? ClientId, AccountName Account, UserName User, string ApiKey, DeploymentName Deployment, ModelName Model, ModelName? Addon,
    RequestTokens Tokens, RequestStatus Status, string Reason, DateTimeOffset BeginTime, DateTimeOffset EndTime, TimeSpan? FirstToken)
{
    /// <summary>Its place in the ledger, in the order of the commits; 0 while it is not there.</summary>
    public long Number { get; init; }

    /// <summary>Whether its tokens are paid for.</summary>
    public bool IsPaid => Status is RequestStatus.Finished or RequestStatus.Cancelled;
}
