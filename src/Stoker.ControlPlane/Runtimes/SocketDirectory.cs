using System.Security.Cryptography;
using System.Text;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Runtimes;

/// <summary>
/// Where replicas' sockets are: in the data directory, or, where that path is too long for a socket, in the temporary
/// directory under a name that depends on the data directory alone, so that the next server finds the same. Mode 0700:
/// a replica's socket is a way around authentication.
/// </summary>
internal sealed class SocketDirectory
{
    /// <summary>Linux: 108 bytes with the final zero; some systems have 104.</summary>
    private const int MaxPathBytes = 103;

    private readonly string _path;

    /// <exception cref="IOException">The directory exists and is not private, and cannot be made so.</exception>
    public SocketDirectory(string dataDirectory)
    {
        var own = Path.Combine(dataDirectory, "s");
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(dataDirectory)).AsSpan(0, 8));
        _path = Fits(own) ? own : Path.Combine(Path.GetTempPath(), $"stoker-{hash}");
        if (!Fits(_path)) throw new IOException($"The path {_path} is too long for sockets: choose a shorter data or temporary directory");
        DataDirectory.CreateDirectory(_path);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(_path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    public string PathOf(ReplicaId id) => Path.Combine(_path, $"{id}.sock");

    private static bool Fits(string directory) =>
        Encoding.UTF8.GetByteCount(directory) + ReplicaId.Length + "/.sock".Length <= MaxPathBytes;
}
