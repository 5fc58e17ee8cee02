namespace Stoker.ControlPlane.Storage;

/// <summary>Figures in SQLite.</summary>
public sealed class SqliteFiguresStore(SqliteDatabase database) : IFiguresStore
{
    public ValueTask<IReadOnlyList<StoredFigures>> ListAsync(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return new(database.Read(session => session.Query(
            "SELECT owner, revision, figures FROM revision_figures",
            row => new StoredFigures(row.GetString(0), row.GetInt64(1), row.GetFieldValue<byte[]>(2)))));
    }

    public Task WriteAsync(IReadOnlyCollection<StoredFigures> figures, CancellationToken cancellation) => database.WriteAsync(
        session => figures.Sum(item => session.Execute(
            "INSERT OR REPLACE INTO revision_figures VALUES ($1, $2, $3)", item.Owner, item.Revision, item.Figures)),
        cancellation);

    public Task ForgetAsync(string owner, long below, CancellationToken cancellation) => database.WriteAsync(
        session => session.Execute("DELETE FROM revision_figures WHERE owner = $1 AND revision < $2", owner, below), cancellation);
}
