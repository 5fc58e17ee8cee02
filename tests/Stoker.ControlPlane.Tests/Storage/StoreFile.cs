using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Storage;

/// <summary>A directory of its own with a store in it; gone with the test.</summary>
internal sealed class StoreFile : IDisposable
{
    public StoreFile() => Data = new DataDirectory(Directory.CreateTempSubdirectory("stoker-store-").FullName);

    public DataDirectory Data { get; }

    public string Path => Data.Database;

    public SqliteDatabase Open(TimeProvider? time = null) =>
        SqliteDatabase.Open(Path, time ?? TimeProvider.System, TimeSpan.FromMilliseconds(10));

    public void Dispose() => Directory.Delete(Data.Root, recursive: true);
}
