namespace Stoker.ControlPlane.Storage;

/// <summary>
/// When something was used last. A table of its own: what changes with every request does not belong in a resource's
/// row.
/// </summary>
public interface ILastUseStore
{
    ValueTask<IReadOnlyDictionary<string, DateTimeOffset>> ListAsync(CancellationToken cancellation);

    Task WriteAsync(IReadOnlyCollection<KeyValuePair<string, DateTimeOffset>> uses, CancellationToken cancellation);

    Task ForgetAsync(string owner, CancellationToken cancellation);
}
