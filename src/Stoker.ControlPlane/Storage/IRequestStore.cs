namespace Stoker.ControlPlane.Storage;

/// <summary>The token ledger: rows are appended, and never changed or removed.</summary>
public interface IRequestStore
{
    /// <summary>
    /// Writes all or nothing, in this order. A row whose id is there already is left as it is, so that a write whose answer
    /// was lost may be repeated.
    /// </summary>
    /// <exception cref="StorageException">Nothing was written.</exception>
    Task AppendAsync(IReadOnlyList<RequestRow> rows, CancellationToken cancellation);

    /// <summary>The rows after a number, in their order, at most <paramref name="most"/>. Numbers only grow, so none is missed.</summary>
    ValueTask<IReadOnlyList<RequestRow>> ReadAsync(long after, int most, CancellationToken cancellation);

    ValueTask<RequestRow?> FindAsync(string id, CancellationToken cancellation);
}
