namespace Stoker.ControlPlane.Storage;

/// <summary>
/// Sums of what was measured of something, revision by revision. A table of its own: what changes with every request does
/// not belong in a resource's row.
/// </summary>
public interface IFiguresStore
{
    ValueTask<IReadOnlyList<StoredFigures>> ListAsync(CancellationToken cancellation);

    /// <summary>Replaces the figures of these revisions.</summary>
    Task WriteAsync(IReadOnlyCollection<StoredFigures> figures, CancellationToken cancellation);

    /// <param name="below">Revisions below it; all of them for <see cref="long.MaxValue"/>.</param>
    Task ForgetAsync(string owner, long below, CancellationToken cancellation);
}

public sealed record StoredFigures(string Owner, long Revision, byte[] Figures);
