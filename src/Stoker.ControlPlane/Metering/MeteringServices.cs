using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

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

    /// <summary>The token ledger, for whoever takes requests. Needs the storage.</summary>
    public static IServiceCollection AddRequestLedger(this IServiceCollection services)
    {
        services.TryAddSingleton<RequestFaults>();
        services.AddSingleton<RequestLedger>();
        services.AddHostedService<RequestSettlement>();
        return services;
    }
}
