using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Stoker.ControlPlane.Reconciling;

namespace Stoker.ControlPlane.Serverless;

public static class ServerlessServices
{
    /// <summary>The serverless tier. Needs the models, the deployments and their addons.</summary>
    public static IServiceCollection AddServerless(this IServiceCollection services)
    {
        services.AddOptions<ServerlessOptions>().BindConfiguration(ServerlessOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<ServerlessOptions>, ServerlessOptionsValidator>();
        services.AddSingleton<ServerlessReconciler>();
        services.AddSingleton<IControlledLoop>(provider => provider.GetRequiredService<ServerlessReconciler>());
        return services;
    }
}
