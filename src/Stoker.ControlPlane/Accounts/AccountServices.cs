using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Stoker.ControlPlane.Accounts;

public static class AccountServices
{
    /// <summary>
    /// Accounts, users, keys and the check of callers. Needs the storage; the first start is done when the host has
    /// started.
    /// </summary>
    public static IServiceCollection AddAccounts(this IServiceCollection services)
    {
        services.AddOptions<AccountOptions>().BindConfiguration(AccountOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<AccountOptions>, AccountOptionsValidator>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<AccountStore>();
        services.AddSingleton(provider => new AccountSettings(provider.GetRequiredService<AccountStore>()));
        services.AddSingleton<FirstStart>();
        services.AddSingleton<KeyRingSource>();
        services.AddSingleton<KeyUses>();
        services.AddSingleton<KeyUseLog>();
        services.AddSingleton<WaysIn>();
        services.AddSingleton<GuessLimit>();
        services.AddSingleton<Authenticator>();
        services.AddSingleton<AccountCommands>();
        services.AddSingleton<UserCommands>();
        services.AddSingleton<ApiKeyCommands>();
        services.AddHostedService(provider => provider.GetRequiredService<KeyRingSource>());
        services.AddHostedService(provider => provider.GetRequiredService<KeyUseLog>());
        return services;
    }
}
