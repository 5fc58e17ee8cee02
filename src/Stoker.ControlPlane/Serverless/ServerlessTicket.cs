namespace Stoker.ControlPlane.Serverless;

/// <summary>One request on the serverless tier: what it was let in with, to be corrected at its end.</summary>
/// <param name="Rate">Its account's rates.</param>
/// <param name="Fair">Its part of its account's share.</param>
internal sealed record ServerlessTicket(AccountRate Rate, FairTicket Fair);
