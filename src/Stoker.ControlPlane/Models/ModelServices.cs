using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Stoker.ControlPlane.Models;

public static class ModelServices
{
    /// <summary>Models and the library. Needs the storage, accounts, an <see cref="IModelInspector"/> and an <see cref="IModelPacker"/>.</summary>
    public static IServiceCollection AddModels(this IServiceCollection services)
    {
        services.AddOptions<ModelOptions>().BindConfiguration(ModelOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<ModelOptions>, ModelOptionsValidator>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<ModelStore>();
        services.AddSingleton<ModelNames>();
        services.AddSingleton<ModelFiles>();
        services.AddSingleton<ModelGates>();
        services.AddSingleton<ModelUpload>();
        services.AddSingleton<ModelCommands>();
        services.AddSingleton<TransferAddress>();
        services.AddSingleton(_ => ModelCatalogue.Load());
        services.AddHostedService<ModelLibrary>();
        services.AddSingleton<ModelPacking>();
        services.AddHostedService(provider => provider.GetRequiredService<ModelPacking>());
        return services;
    }
}
