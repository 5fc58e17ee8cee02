using Microsoft.Data.Sqlite;

namespace Stoker.ControlPlane.Storage;

/// <summary>Leases in SQLite. A released row stays, for its fencing number.</summary>
public sealed class SqliteLeaseStore : ILeaseStore
{
    private readonly SqliteDatabase _database;
    private readonly BootClock _clock;

    public SqliteLeaseStore(SqliteDatabase database)
        : this(database, new BootClock(database.Time))
    {
    }

    internal SqliteLeaseStore(SqliteDatabase database, BootClock clock) => (_database, _clock) = (database, clock);

    public ValueTask<Lease?> FindAsync(string name, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return new(_database.Read(session => Find(session, name) is { } row && IsHeld(row) ? row.Lease : null));
    }

    public Task<Lease?> TryAcquireAsync(string name, string holder, TimeSpan length, CancellationToken cancellation)
    {
        ArgumentException.ThrowIfNullOrEmpty(holder);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(length, TimeSpan.Zero);
        return _database.WriteAsync(
            session =>
            {
                var row = Find(session, name);
                var isHeld = row is not null && IsHeld(row);
                if (isHeld && row!.Lease.Holder != holder) return null;
                var fencing = (row?.Lease.FencingNumber ?? 0) + (isHeld ? 0 : 1);
                return Write(session, new Lease(name, holder, fencing, _clock.Now + length), length);
            },
            cancellation);
    }

    public Task<Lease?> RenewAsync(Lease lease, TimeSpan length, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(length, TimeSpan.Zero);
        return _database.WriteAsync(
            session => IsHeldBy(session, lease)
                ? Write(session, lease with { ExpireTime = _clock.Now + length }, length)
                : null,
            cancellation);
    }

    public Task ReleaseAsync(Lease lease, CancellationToken cancellation) => _database.WriteAsync(
        session => IsHeldBy(session, lease) ? session.Execute("UPDATE leases SET holder = '' WHERE name = $1", lease.Name) : 0,
        cancellation);

    private bool IsHeldBy(SqliteSession session, Lease lease) =>
        Find(session, lease.Name) is { } row
        && IsHeld(row)
        && row.Lease.Holder == lease.Holder
        && row.Lease.FencingNumber == lease.FencingNumber;

    private bool IsHeld(Row row) =>
        row.Lease.Holder.Length > 0 && !_clock.HasPassed(row.BootId, row.ExpireStamp, row.Lease.ExpireTime);

    private Lease Write(SqliteSession session, Lease lease, TimeSpan length)
    {
        session.Execute(
            "INSERT OR REPLACE INTO leases VALUES ($1, $2, $3, $4, $5, $6)",
            lease.Name, lease.Holder, lease.FencingNumber, _clock.BootId, _clock.Stamp + length.Ticks, lease.ExpireTime.UtcTicks);
        return lease;
    }

    private static Row? Find(SqliteSession session, string name) => session.QueryOne(
        "SELECT name, holder, fencing_number, boot_id, expire_stamp, expire_time FROM leases WHERE name = $1", Read, name);

    private static Row Read(SqliteDataReader row) => new(
        new Lease(row.GetString(0), row.GetString(1), row.GetInt64(2), new DateTimeOffset(row.GetInt64(5), TimeSpan.Zero)),
        row.GetString(3),
        row.GetInt64(4));

    private sealed record Row(Lease Lease, string BootId, long ExpireStamp);
}
