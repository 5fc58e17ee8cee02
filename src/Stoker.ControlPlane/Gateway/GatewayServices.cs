using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Stoker.ControlPlane.Addons;
using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Metering;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Serverless;

namespace Stoker.ControlPlane.Gateway;

public static class GatewayServices
{
    /// <summary>The inference surface. Needs accounts and routing.</summary>
    public static IServiceCollection AddGateway(this IServiceCollection services)
    {
        services.AddOptions<GatewayOptions>().BindConfiguration(GatewayOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<GatewayOptions>, GatewayOptionsValidator>();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<LoadBoard>();
        services.TryAddSingleton<ReplicaDirectory>();
        services.TryAddSingleton<AddonDemand>();
        services.AddRateLimits();
        services.AddMetrics();
        services.AddRequestLedger();
        services.AddSingleton(provider => new BodyBudget(provider.GetRequiredService<IOptions<GatewayOptions>>().Value.MaxHeldBodyBytes));
        services.AddSingleton<GatewayMetrics>();
        services.AddSingleton<ReplicaClient>();
        services.AddSingleton<Suspects>();
        services.AddSingleton<ClientWriter>();
        services.AddSingleton<AnswerRelay>();
        services.AddSingleton<ServerlessAdmission>();
        services.AddSingleton<Holding>();
        services.AddSingleton<Forwarder>();
        services.AddSingleton<Failover>();
        services.AddSingleton<InferenceHandler>();
        services.AddSingleton<ModelListing>();
        return services;
    }
}
