using Microsoft.Data.Sqlite;

namespace Stoker.ControlPlane.Storage;

/// <summary>
/// One connection with its prepared statements, for one thread at a time. Parameters are <c>$1</c>, <c>$2</c>, ... in
/// order.
/// </summary>
internal sealed class SqliteSession : IDisposable
{
    // another process's group commit takes milliseconds; a checkpoint at most a second
    private const int BusyTimeoutSeconds = 5;

    private readonly SqliteConnection _connection;
    private readonly Dictionary<string, SqliteCommand> _commands = [];

    public SqliteSession(string path)
    {
        var settings = new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = SqliteOpenMode.ReadWrite,
            Pooling = false, // the database keeps its own pool, with prepared statements
            DefaultTimeout = BusyTimeoutSeconds,
        };
        _connection = new SqliteConnection(settings.ToString());
        try
        {
            _connection.Open();
            // NORMAL survives a kill of the process and, by the write-ahead log, never corrupts; a power cut may take
            // the last moments.
            Execute("PRAGMA busy_timeout = 5000");
            Execute("PRAGMA synchronous = NORMAL");
            Execute("PRAGMA foreign_keys = ON");
        }
        catch
        {
            _connection.Dispose();
            throw;
        }
    }

    /// <summary>Runs a statement and returns the number of rows it changed.</summary>
    public int Execute(string sql, params ReadOnlySpan<object?> arguments) => Command(sql, arguments).ExecuteNonQuery();

    public long Scalar(string sql, params ReadOnlySpan<object?> arguments) =>
        Convert.ToInt64(Command(sql, arguments).ExecuteScalar(), System.Globalization.CultureInfo.InvariantCulture);

    public T? QueryOne<T>(string sql, Func<SqliteDataReader, T> map, params ReadOnlySpan<object?> arguments)
        where T : class
    {
        using var reader = Command(sql, arguments).ExecuteReader();
        return reader.Read() ? map(reader) : null;
    }

    public List<T> Query<T>(string sql, Func<SqliteDataReader, T> map, params ReadOnlySpan<object?> arguments)
    {
        using var reader = Command(sql, arguments).ExecuteReader();
        var rows = new List<T>();
        while (reader.Read()) rows.Add(map(reader));
        return rows;
    }

    /// <summary>Several reads of one snapshot.</summary>
    public T Snapshot<T>(Func<SqliteSession, T> read)
    {
        Execute("BEGIN DEFERRED");
        try
        {
            return read(this);
        }
        finally
        {
            Execute("COMMIT");
        }
    }

    /// <summary>Ends a transaction that failed. SQLite may have ended it already; that is no second failure.</summary>
    public void TryRollback()
    {
        try
        {
            Execute("ROLLBACK");
        }
        catch (SqliteException)
        {
        }
    }

    public void Dispose()
    {
        foreach (var command in _commands.Values) command.Dispose();
        _connection.Dispose();
    }

    private SqliteCommand Command(string sql, ReadOnlySpan<object?> arguments)
    {
        if (!_commands.TryGetValue(sql, out var command))
        {
            command = _connection.CreateCommand();
#pragma warning disable CA2100 // Every statement is a constant of this folder; values are parameters.
            command.CommandText = sql;
#pragma warning restore CA2100
            for (var i = 0; i < arguments.Length; i++) command.Parameters.Add(new SqliteParameter { ParameterName = $"${i + 1}" });
            _commands.Add(sql, command);
        }

        for (var i = 0; i < arguments.Length; i++) command.Parameters[i].Value = arguments[i] ?? DBNull.Value;
        return command;
    }
}
