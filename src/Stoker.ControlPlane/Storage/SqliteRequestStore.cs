using Microsoft.Data.Sqlite;
using Stoker.Api.Names;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Storage;

/// <summary>The token ledger in SQLite; triggers of the schema refuse to change or remove a row.</summary>
public sealed class SqliteRequestStore(SqliteDatabase database) : IRequestStore
{
    private const string Columns =
        "id, client_id, account, user, api_key, deployment, model, addon, prompt, cached, generated, drafted, accepted, status, reason, begin_time, end_time, first_token";

    private const string Insert =
        $"INSERT INTO request_ledger ({Columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) ON CONFLICT (id) DO NOTHING";

    private const string After = $"SELECT number, {Columns} FROM request_ledger WHERE number > $1 ORDER BY number LIMIT $2";
    private const string One = $"SELECT number, {Columns} FROM request_ledger WHERE id = $1";

    public Task AppendAsync(IReadOnlyList<RequestRow> rows, CancellationToken cancellation) => database.WriteAsync(
        session =>
        {
            for (var i = 0; i < rows.Count; i++) Append(session, rows[i]);
            return rows.Count;
        },
        cancellation);

    public ValueTask<IReadOnlyList<RequestRow>> ReadAsync(long after, int most, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return new(database.Read(session => session.Query(After, Read, after, most)));
    }

    public ValueTask<RequestRow?> FindAsync(string id, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return new(database.Read(session => session.QueryOne(One, Read, id)));
    }

    private static void Append(SqliteSession session, RequestRow row) => session.Execute(
        Insert,
        row.Id, row.ClientId, row.Account.ToString(), row.User.ToString(), row.ApiKey, row.Deployment.ToString(), row.Model.ToString(), row.Addon?.ToString(),
        row.Tokens.Prompt, row.Tokens.Cached, row.Tokens.Generated, row.Tokens.Drafted, row.Tokens.Accepted,
        WireEnum.TextOf(row.Status), row.Reason, row.BeginTime.UtcTicks, row.EndTime.UtcTicks, row.FirstToken?.Ticks);

    private static RequestRow Read(SqliteDataReader row) => new(
        row.GetString(1),
        Text(row, 2),
        AccountName.Parse(row.GetString(3), null),
        UserName.Parse(row.GetString(4), null),
        row.GetString(5),
        DeploymentName.Parse(row.GetString(6), null),
        ModelName.Parse(row.GetString(7)),
        Text(row, 8) is { } addon ? ModelName.Parse(addon) : null,
        new(row.GetInt32(9), row.GetInt32(10), row.GetInt32(11), row.GetInt32(12), row.GetInt32(13)),
        WireEnum.TryParse<RequestStatus>(row.GetString(14), out var status)
            ? status
            : throw new StorageException(StorageFault.Unusable, $"The token ledger has a request of status {row.GetString(14)}, which this program does not know"),
        row.GetString(15),
        new(row.GetInt64(16), TimeSpan.Zero),
        new(row.GetInt64(17), TimeSpan.Zero),
        row.IsDBNull(18) ? null : TimeSpan.FromTicks(row.GetInt64(18)))
    {
        Number = row.GetInt64(0),
    };

    private static string? Text(SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
}
