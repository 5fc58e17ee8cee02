namespace Stoker.EndToEnd.Tests.Harness;

/// <summary>
/// A home directory and a data directory of a test's own, gone with it; every program the test starts lives in there.
/// </summary>
internal sealed class Sandbox : IDisposable
{
    // Short: unix sockets below it must fit 108 bytes.
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("stk");

    public Sandbox()
    {
        Directory.CreateDirectory(Home);
        Directory.CreateDirectory(Data);
        Directory.CreateDirectory(Temporary);
    }

    public string Root => _root.FullName;

    public string Home => Path.Combine(Root, "home");

    public string Data => Path.Combine(Root, "data");

    /// <summary>TMPDIR of the programs, so that a forgotten temporary file is found.</summary>
    public string Temporary => Path.Combine(Root, "tmp");

    public string AdminKeyFile => Path.Combine(Data, "admin.key");

    /// <summary>
    /// Every file below, whole; the programs are expected to be gone. Sockets and pipes that a killed one left have no
    /// content, and no length.
    /// </summary>
    public IEnumerable<(string Path, byte[] Content)> AllFiles() =>
        new DirectoryInfo(Root).EnumerateFiles("*", SearchOption.AllDirectories)
            .Where(file => file.Length > 0)
            .Select(file => (file.FullName, File.ReadAllBytes(file.FullName)));

    public static UnixFileMode ModeOf(string path) =>
        OperatingSystem.IsWindows() ? throw new PlatformNotSupportedException() : File.GetUnixFileMode(path);

    public void Dispose()
    {
        foreach (var process in ReplicaProcesses.Under(Root)) process.Kill();
        _root.Delete(recursive: true);
    }
}
