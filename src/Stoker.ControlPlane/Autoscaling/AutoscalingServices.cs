using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Stoker.ControlPlane.Autoscaling;

public static class AutoscalingServices
{
    /// <summary>Loads, windows and decisions. Needs the storage.</summary>
    public static IServiceCollection AddAutoscaling(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<LoadBoard>();
        services.AddSingleton<LoadWindows>();
        services.AddSingleton<DecisionLog>();
        return services;
    }

    /// <summary>
    /// What samples the loads. To be added after whoever decides by them: services stop in the opposite order, and the
    /// last save comes while the windows are still held.
    /// </summary>
    public static IServiceCollection AddLoadSampler(this IServiceCollection services) => services.AddHostedService<LoadSampler>();
}
