using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Stoker.Replica.Hosting;

/// <summary>
/// The replica's own log: a file of bounded size, or standard error for one started by hand. No pipes: a full one would
/// block the replica, and one whose reader died swallows everything.
/// </summary>
/// <remarks>
/// At the size limit the file becomes <c>log.1.txt</c> and a new one begins, so at most twice the limit is on disk.
/// </remarks>
internal sealed class ReplicaLog : ILoggerFactory
{
    /// <summary>
    /// Some ten thousand lines: days of a quiet replica, and little enough for hundreds of replicas on a machine.
    /// </summary>
    public const long DefaultMostBytes = 1 << 20;

    private readonly Lock _lock = new();
    private readonly string? _path;
    private readonly TimeProvider _time;
    private readonly LogLevel _level;
    private readonly long _mostBytes;
    private readonly bool _ownsStandardError;
    private SafeFileHandle? _file;
    private long _length;

    /// <param name="path">Null: standard error.</param>
    /// <param name="ownsStandardError">Sends the process's standard error into the file too, so that the runtime's last
    /// words are in it.</param>
    public ReplicaLog(string? path, LogLevel level, TimeProvider time, bool ownsStandardError = false, long mostBytes = DefaultMostBytes)
    {
        (_path, _level, _time, _ownsStandardError, _mostBytes) = (path, level, time, ownsStandardError, mostBytes);
        if (path is not null) Open();
    }

    public ILogger CreateLogger(string categoryName) => new Category(this, categoryName);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("A replica writes one log.");

    public void Dispose()
    {
        lock (_lock)
        {
            _file?.Dispose();
            _file = null;
        }
    }

    private void Open()
    {
        _file = Posix.OpenForAppend(_path!);
        _length = RandomAccess.GetLength(_file);
        if (_ownsStandardError) Posix.RedirectStandardError(_file);
    }

    private void Write(string line)
    {
        if (_path is null)
        {
            Console.Error.Write(line);
            return;
        }

        var bytes = Encoding.UTF8.GetBytes(line);
        lock (_lock)
        {
            if (_file is null) return;
            if (_length + bytes.Length > _mostBytes) Rotate_NeedsLock();
            // opened for append: the offset says nothing, other writers lose nothing
            RandomAccess.Write(_file!, bytes, _length);
            _length += bytes.Length;
        }
    }

    private void Rotate_NeedsLock()
    {
        _file!.Dispose();
        File.Move(_path!, Path.ChangeExtension(_path!, ".1.txt"), overwrite: true);
        Open();
    }

    private sealed class Category(ReplicaLog log, string name) : ILogger
    {
        // Kestrel's lines below Warning quote request lines, and with them a client's words.
        private readonly LogLevel _least = name.StartsWith("Stoker.", StringComparison.Ordinal)
            ? log._level
            : (LogLevel)Math.Max((int)log._level, (int)LogLevel.Warning);

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= _least && logLevel != LogLevel.None;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel)) return;
            var line = new StringBuilder(160)
                .Append(CultureInfo.InvariantCulture, $"{log._time.GetUtcNow():yyyy-MM-ddTHH:mm:ss.fffZ} {logLevel} {name}: {formatter(state, exception)}\n");

            // Type and place, never the message: it may quote what a client sent.
            for (var error = exception; error is not null; error = error.InnerException)
            {
                line.Append(CultureInfo.InvariantCulture, $"  {error.GetType().FullName}\n{error.StackTrace}\n");
            }

            log.Write(line.ToString());
        }
    }
}
