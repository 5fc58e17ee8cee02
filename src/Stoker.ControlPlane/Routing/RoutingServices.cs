using Microsoft.Extensions.DependencyInjection;

namespace Stoker.ControlPlane.Routing;

public static class RoutingServices
{
    /// <summary>The routing table and what keeps it. Needs models and the replica directory.</summary>
    public static IServiceCollection AddRouting(this IServiceCollection services)
    {
        services.AddSingleton<RoutingSource>();
        services.AddHostedService<RoutingFeed>();
        return services;
    }
}
