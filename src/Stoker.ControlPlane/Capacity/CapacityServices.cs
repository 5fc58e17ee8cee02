using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Stoker.ControlPlane.Capacity;

public static class CapacityServices
{
    /// <summary>
    /// The inventory, reservations and quotas. Needs the storage, and an <see cref="ICapacityUse"/> for what is in use.
    /// </summary>
    public static IServiceCollection AddCapacity(this IServiceCollection services)
    {
        services.AddOptions<CapacityOptions>().BindConfiguration(CapacityOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<CapacityOptions>, CapacityOptionsValidator>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(Machine.Current);
        services.AddSingleton(provider => InventorySource.From(
            provider.GetRequiredService<IOptions<CapacityOptions>>().Value, provider.GetRequiredService<Machine>()));
        services.AddSingleton<CapacityTermsStore>();
        services.AddSingleton<ReservationCommands>();
        services.AddSingleton<QuotaCommands>();
        return services;
    }
}
