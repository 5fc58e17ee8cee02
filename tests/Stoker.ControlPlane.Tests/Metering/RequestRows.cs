using Stoker.Api.Names;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Metering;

/// <summary>Rows of the token ledger, by the one thing that a test is about.</summary>
internal static class RequestRows
{
    public static RequestRow Row(int id = 1) => new(
        $"{id:x32}", "mine", AccountName.Parse("accounts/acme"), UserName.Parse("accounts/acme/users/ada"), "k1", DeploymentName.Parse("accounts/acme/deployments/d"),
        ModelName.Parse("accounts/fireworks/models/m"), Addon: null, new(10, 4, 20, 8, 6), RequestStatus.Finished, "",
        LedgerEvents.Noon, LedgerEvents.Noon + TimeSpan.FromSeconds(2), TimeSpan.FromMilliseconds(30));
}
