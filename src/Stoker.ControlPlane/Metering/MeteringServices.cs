using Microsoft.Extensions.DependencyInjection;

namespace Stoker.ControlPlane.Metering;

public static class MeteringServices
{
    /// <summary>The ledger of replicas' lives, and the sums that are made of it. Needs the storage.</summary>
    public static IServiceCollection AddMetering(this IServiceCollection services)
    {
        services.AddSingleton<ReplicaLedger>();
        services.AddSingleton<UsageTotals>();
        return services;
    }
}
