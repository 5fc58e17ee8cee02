using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Addons;
using Stoker.ControlPlane.Audit;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Gateway;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Serverless;
using Stoker.ControlPlane.Storage;

namespace Stoker.Server.Serving;

/// <summary>
/// A misspelt setting stops the start: ignored, it would only show when what it should have changed goes wrong.
/// </summary>
internal static class KnownSettings
{
    private const string Root = "Stoker";

    private static readonly Dictionary<string, Type> Sections = new(StringComparer.OrdinalIgnoreCase)
    {
        [AccountOptions.Section] = typeof(AccountOptions),
        [AuditOptions.Section] = typeof(AuditOptions),
        [CapacityOptions.Section] = typeof(CapacityOptions),
        [DeploymentsOptions.Section] = typeof(DeploymentsOptions),
        [AddonsOptions.Section] = typeof(AddonsOptions),
        [ServerlessOptions.Section] = typeof(ServerlessOptions),
        [GatewayOptions.Section] = typeof(GatewayOptions),
        [LocalRuntimeOptions.Section] = typeof(LocalRuntimeOptions),
        [ModelOptions.Section] = typeof(ModelOptions),
        [StorageOptions.Section] = typeof(StorageOptions),
        [TlsOptions.Section] = typeof(TlsOptions),
    };

    /// <exception cref="StartException">A setting that nothing reads, in the file or in the environment.</exception>
    public static void Check(IConfiguration all, IConfiguration? file)
    {
        foreach (var top in file?.GetChildren() ?? [])
        {
            if (!Same(top.Key, Root)) throw Unknown(top.Path, [Root]);
        }

        foreach (var section in all.GetSection(Root).GetChildren())
        {
            if (!Sections.TryGetValue(section.Path, out var options)) throw Unknown(section.Path, Sections.Keys);
            var names = options.GetProperties().Select(property => property.Name).ToList();
            foreach (var setting in section.GetChildren())
            {
                if (!names.Exists(name => Same(name, setting.Key)))
                {
                    throw Unknown(setting.Path, names.Select(name => $"{section.Path}:{name}"));
                }
            }
        }
    }

    private static bool Same(string left, string right) =>
        string.Equals(left, right, StringComparison.OrdinalIgnoreCase);

    private static StartException Unknown(string path, IEnumerable<string> known) =>
        new($"{path} is no setting (see docs/configuration.md); known are: {string.Join(", ", known.Order(StringComparer.Ordinal))}");
}
