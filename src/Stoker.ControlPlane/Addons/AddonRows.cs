using Stoker.Api.Names;
using Row = Stoker.ControlPlane.Storage.Stored<
    Stoker.Api.Names.DeployedModelName, Stoker.ControlPlane.Addons.DeployedModelSpec, Stoker.ControlPlane.Addons.DeployedModelStatus>;

namespace Stoker.ControlPlane.Addons;

/// <summary>
/// Deployed models by what is asked of them, brought up to date from the store's own record of changes. So a look costs what changed
/// since the one before and the rows of its own deployment, however many others have. One user at a time.
/// </summary>
internal sealed class AddonRows(DeployedModelStore store)
{
    private readonly Dictionary<DeployedModelName, Row> _all = [];
    private readonly Dictionary<DeploymentName, Dictionary<DeployedModelName, Row>> _byDeployment = [];
    private readonly Dictionary<(AccountName, ModelName), Dictionary<DeployedModelName, Row>> _byModel = [];
    private long? _revision;

    /// <summary>All changes up to it are in; 0 before the first look.</summary>
    public long Revision => _revision ?? 0;

    public IReadOnlyCollection<DeploymentName> Deployments => _byDeployment.Keys;

    /// <summary>Whatever was written before the call is in.</summary>
    public async Task CatchUpAsync(CancellationToken cancellation)
    {
        if (_revision is { } known && await store.Rows.ChangesAsync(known, cancellation) is { } changes)
        {
            foreach (var change in changes.Items) Set(change.Name, change.Resource);
            _revision = changes.Revision;
            return;
        }

        var list = await store.Rows.ListAsync(null, cancellation);
        _all.Clear();
        _byDeployment.Clear();
        _byModel.Clear();
        foreach (var row in list.Items) Set(row.Name, row);
        _revision = list.Revision;
    }

    /// <summary>Oldest first.</summary>
    public List<Row> Of(DeploymentName deployment) =>
        _byDeployment.TryGetValue(deployment, out var rows) ? [.. rows.Values.OrderBy(row => row.CreateTime)] : [];

    /// <summary>One addon on the deployments of one account.</summary>
    public IReadOnlyCollection<Row> Of(AccountName account, ModelName model) =>
        _byModel.TryGetValue((account, model), out var rows) ? rows.Values : [];

    private void Set(DeployedModelName name, Row? row)
    {
        if (_all.Remove(name, out var before))
        {
            Remove(_byDeployment, before.Spec.Deployment, name);
            Remove(_byModel, (name.Parent, before.Spec.Model), name);
        }

        if (row is null) return;
        _all.Add(name, row);
        Add(_byDeployment, row.Spec.Deployment, row);
        Add(_byModel, (name.Parent, row.Spec.Model), row);
    }

    private static void Add<TKey>(Dictionary<TKey, Dictionary<DeployedModelName, Row>> index, TKey key, Row row)
        where TKey : notnull
    {
        if (!index.TryGetValue(key, out var rows)) index.Add(key, rows = []);
        rows[row.Name] = row;
    }

    private static void Remove<TKey>(Dictionary<TKey, Dictionary<DeployedModelName, Row>> index, TKey key, DeployedModelName name)
        where TKey : notnull
    {
        if (index.TryGetValue(key, out var rows) && rows.Remove(name) && rows.Count == 0) index.Remove(key);
    }
}
