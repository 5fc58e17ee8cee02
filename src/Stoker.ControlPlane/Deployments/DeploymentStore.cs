using System.Runtime.CompilerServices;
using System.Text.Json.Serialization;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Deployments;

/// <summary>
/// What is stored of a deployment's spec: the wire record with every default filled in, and what only the server knows.
/// </summary>
public sealed record DeploymentDocument
{
    public required DeploymentResource Resource { get; init; }
    public long Revision { get; init; } = 1;
    public int? ScaledTo { get; init; }
    public int Scalings { get; init; }
    public DeletionRequest? Deletion { get; init; }
    public string? CreatedBy { get; init; }

    /// <summary>
    /// The highest revision ever given, above <see cref="Revision"/> after a rollback: a number is never given twice.
    /// Null means <see cref="Revision"/>.
    /// </summary>
    public long? HighestRevision { get; init; }
    public RolledBack? RolledBack { get; init; }
    public DateTimeOffset? UndeleteTime { get; init; }
}

/// <summary>A deployment with the row that it was read from, which is the condition of the next write.</summary>
public sealed record StoredDeployment(Deployment Deployment, Stored<DeploymentName, DeploymentDocument, DeploymentStatus> Row);

/// <summary>Deployments, typed.</summary>
public sealed class DeploymentStore(IResourceStore store)
{
    private readonly TypedStore<DeploymentName, DeploymentDocument, DeploymentStatus> _rows = new(
        store, DeploymentName.Collection, DeploymentJson.Default.DeploymentDocument, DeploymentJson.Default.DeploymentStatus);

    // A row that did not change is the same object again, and so is what was made of it.
    private readonly ConditionalWeakTable<Stored<DeploymentName, DeploymentDocument, DeploymentStatus>, StoredDeployment> _made = new();

    public async ValueTask<StoredDeployment?> FindAsync(DeploymentName name, CancellationToken cancellation) =>
        await _rows.FindAsync(name, cancellation) is { } row ? Read(row) : null;

    /// <param name="account">Null lists those of all accounts.</param>
    public async ValueTask<(long Revision, IReadOnlyList<StoredDeployment> Items)> ListAsync(AccountName? account, CancellationToken cancellation)
    {
        var list = await _rows.ListAsync(account?.ToString(), cancellation);
        return (list.Revision, [.. list.Items.Select(Read)]);
    }

    /// <param name="status">The first one; from then on the reconciler alone writes it.</param>
    public async Task<Result<StoredDeployment>> CreateAsync(
        DeploymentName name, DeploymentDocument document, DeploymentStatus status, CancellationToken cancellation) =>
        Read(await _rows.CreateAsync(name, document, status, cancellation));

    public async Task<Result<StoredDeployment>> UpdateAsync(StoredDeployment read, DeploymentDocument document, CancellationToken cancellation) =>
        Read(await _rows.UpdateSpecAsync(read.Row, document, cancellation));

    /// <summary>For the reconciler alone.</summary>
    public async Task<Result<StoredDeployment>> WriteStatusAsync(StoredDeployment read, DeploymentStatus status, CancellationToken cancellation) =>
        Read(await _rows.UpdateStatusAsync(read.Row, status, cancellation));

    /// <summary>For the reconciler alone: removes the row.</summary>
    public async Task<Result<StoredDeployment>> RemoveAsync(StoredDeployment read, CancellationToken cancellation) =>
        Read(await _rows.DeleteAsync(read.Row, cancellation));

    /// <summary>Names of deployments that changed after a revision.</summary>
    /// <exception cref="WatchExpiredException">List again and watch from there.</exception>
    public async IAsyncEnumerable<(long Revision, DeploymentName Name)> WatchAsync(
        long afterRevision, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var change in _rows.WatchAsync(afterRevision, cancellation)) yield return (change.Revision, change.Name);
    }

    private Result<StoredDeployment> Read(Result<Stored<DeploymentName, DeploymentDocument, DeploymentStatus>> row) =>
        row.TryGet(out var value, out var problem) ? Read(value) : problem;

    private StoredDeployment Read(Stored<DeploymentName, DeploymentDocument, DeploymentStatus> row) => _made.GetValue(row, Make);

    private static StoredDeployment Make(Stored<DeploymentName, DeploymentDocument, DeploymentStatus> row)
    {
        var document = row.Spec;
        if (!DeploymentSpec.From(document.Resource, AcceleratorType.Cpu).TryGet(out var spec, out var problem))
        {
            throw new StorageException(StorageFault.Unusable, $"The stored {row.Name} breaks the rules of this program: {problem.Message}");
        }

        return new(
            new(row.Name, spec, row.Status, row.Generation, document.Revision, document.ScaledTo, document.Deletion, document.CreatedBy,
                row.CreateTime, row.UpdateTime)
            {
                Scalings = document.Scalings,
                RolledBack = document.RolledBack,
                UndeleteTime = document.UndeleteTime,
            },
            row);
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    Converters = [typeof(ParsableJsonConverter<ReplicaId>), typeof(ParsableJsonConverter<Region>), typeof(ParsableJsonConverter<AcceleratorType>)])]
[JsonSerializable(typeof(DeploymentDocument))]
[JsonSerializable(typeof(DeploymentStatus))]
internal sealed partial class DeploymentJson : JsonSerializerContext;

internal static class DeploymentStatusJson
{
    /// <summary>As stored: records with lists have no equality of their own.</summary>
    public static bool AreEqual(DeploymentStatus left, DeploymentStatus right) =>
        AreSame(left, right) || Write(left).AsSpan().SequenceEqual(Write(right));

    /// <summary>
    /// The usual case without writing both: all but the two lists that each plan makes anew is the same, and those have
    /// the same members. False when lists further down are only equal.
    /// </summary>
    private static bool AreSame(DeploymentStatus left, DeploymentStatus right) =>
        left.Replicas.SequenceEqual(right.Replicas)
        && left.RecentStarts.SequenceEqual(right.RecentStarts)
        && left == right with { Replicas = left.Replicas, RecentStarts = left.RecentStarts };

    private static byte[] Write(DeploymentStatus status) =>
        System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(status, DeploymentJson.Default.DeploymentStatus);
}
