using System.Diagnostics;
using System.Text.Json;

namespace Stoker.Api;

/// <summary>
/// Where a server on this machine can be reached: <c>~/.stoker/endpoint.json</c>, mode 0600, written by a running
/// server and read by firectl.
/// </summary>
/// <param name="Url">The server's base URL, such as <c>http://127.0.0.1:7865</c>.</param>
/// <param name="Pid">The server's process; a file whose process is gone is stale.</param>
/// <param name="KeyFile">The file that holds the admin key. A key read from it is sent to <paramref name="Url"/> and
/// nowhere else.</param>
public sealed record LocalEndpoint(string Url, int Pid, string KeyFile)
{
    /// <summary>The file's path for a home directory.</summary>
    public static string PathIn(string home) => Path.Combine(home, ".stoker", "endpoint.json");

    /// <summary>The endpoint in a home directory, or null when there is none or it cannot be read.</summary>
    public static LocalEndpoint? Read(string home)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(PathIn(home)), ApiJson.Default.LocalEndpoint);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    /// <summary>Whether the server's process is there; a file that a killed server left is stale.</summary>
    public bool IsServerAlive()
    {
        try
        {
            using var process = Process.GetProcessById(Pid);
            return !process.HasExited;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    /// <summary>Writes the file by a rename, so that a reader never sees half of it.</summary>
    public void Write(string home)
    {
        var path = PathIn(home);
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var temporary = $"{path}.{Pid}";
        using (var stream = new FileStream(temporary, options))
        {
            JsonSerializer.Serialize(stream, this, ApiJson.Default.LocalEndpoint);
        }

        File.Move(temporary, path, overwrite: true);
    }
}
