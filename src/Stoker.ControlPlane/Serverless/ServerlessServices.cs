using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Stoker.ControlPlane.Reconciling;

namespace Stoker.ControlPlane.Serverless;

public static class ServerlessServices
{
    /// <summary>The serverless tier. Needs the models, the deployments and their addons.</summary>
    public static IServiceCollection AddServerless(this IServiceCollection services)
    {
        services.AddRateLimits();
        services.AddSingleton<ServerlessReconciler>();
        services.AddSingleton<IControlledLoop>(provider => provider.GetRequiredService<ServerlessReconciler>());
        return services;
    }

    /// <summary>What a gateway needs of it.</summary>
    public static IServiceCollection AddRateLimits(this IServiceCollection services)
    {
        services.AddOptions<ServerlessOptions>().BindConfiguration(ServerlessOptions.Section).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<ServerlessOptions>, ServerlessOptionsValidator>());
        services.TryAddSingleton<RateLimits>();
        return services;
    }
}
