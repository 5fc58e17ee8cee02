using Stoker.ControlPlane.Deployments;
using Row = Stoker.ControlPlane.Storage.Stored<
    Stoker.Api.Names.DeployedModelName, Stoker.ControlPlane.Addons.DeployedModelSpec, Stoker.ControlPlane.Addons.DeployedModelStatus>;

namespace Stoker.ControlPlane.Addons;

/// <summary>Which deployment answers for an addon's name alone, of those of one account that have it: pure.</summary>
internal static class AddonDefaults
{
    /// <summary>Of several, as when a server was killed between two writes, the one that was made so last. Null: none was to be.</summary>
    public static Row? Of(IEnumerable<Row> rows) => rows.Where(IsDefault).MaxBy(row => row.SpecRevision);

    /// <summary>Those that were the default before another one was made so.</summary>
    public static IEnumerable<Row> Resigning(IReadOnlyCollection<Row> rows) => Of(rows) is { } one ? rows.Where(row => IsDefault(row) && row.Name != one.Name) : [];

    /// <summary>Who answers when one is gone with its deployment: nobody new unless it was the default, else the oldest of the others.</summary>
    public static Row? HeirOf(Row gone, IReadOnlyCollection<Row> rows, Func<Row, bool> stays) =>
        Of(rows)?.Name != gone.Name ? null
            : rows.Where(row => row.Name != gone.Name && !row.Spec.Unload && !row.Spec.Deployment.IsShared() && stays(row))
                .OrderBy(row => row.CreateTime).ThenBy(row => row.Name.ToString(), StringComparer.Ordinal).FirstOrDefault();

    private static bool IsDefault(Row row) => row.Spec is { Default: true, Unload: false };
}
