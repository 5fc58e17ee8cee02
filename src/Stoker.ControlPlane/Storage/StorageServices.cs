using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Stoker.ControlPlane.Storage;

public static class StorageServices
{
    /// <summary>The stores on the SQLite file of the data directory, opened when the first one is asked for.</summary>
    public static IServiceCollection AddStorage(this IServiceCollection services)
    {
        services.AddOptions<StorageOptions>().BindConfiguration(StorageOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<StorageOptions>, StorageOptionsValidator>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(provider => new DataDirectory(Options(provider).DataDirectory));
        services.AddSingleton(provider => SqliteDatabase.Open(
            provider.GetRequiredService<DataDirectory>().Database,
            provider.GetRequiredService<TimeProvider>(),
            Options(provider).OtherProcessPollInterval));
        services.AddSingleton<IResourceStore>(provider =>
            new SqliteResourceStore(provider.GetRequiredService<SqliteDatabase>(), Options(provider).ChangeLogLength));
        services.AddSingleton<ILedgerStore>(provider => new SqliteLedgerStore(provider.GetRequiredService<SqliteDatabase>()));
        services.AddSingleton<IRequestStore>(provider => new SqliteRequestStore(provider.GetRequiredService<SqliteDatabase>()));
        services.AddSingleton<ILeaseStore>(provider => new SqliteLeaseStore(provider.GetRequiredService<SqliteDatabase>()));
        services.AddSingleton<IScalingStore>(provider => new SqliteScalingStore(provider.GetRequiredService<SqliteDatabase>()));
        services.AddSingleton<IEventLog, SqliteEventLog>();
        services.AddSingleton<ILastUseStore, SqliteLastUseStore>();
        services.AddSingleton<IFiguresStore, SqliteFiguresStore>();
        services.AddSingleton<SqliteKeyUseStore>();
        services.AddSingleton<SqliteAuditStore>();
        return services;
    }

    private static StorageOptions Options(IServiceProvider provider) =>
        provider.GetRequiredService<IOptions<StorageOptions>>().Value;
}
