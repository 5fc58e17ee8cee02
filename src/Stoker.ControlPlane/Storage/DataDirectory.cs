namespace Stoker.ControlPlane.Storage;

/// <summary>
/// The data directory and what lies where in it. Nobody else joins paths under it from names of their own.
/// </summary>
public sealed record DataDirectory
{
    /// <summary>
    /// Makes the directory when it is not there, for its owner alone: it holds key hashes, the admin key and weights.
    /// </summary>
    public DataDirectory(string path)
    {
        Root = Path.GetFullPath(path);
        CreateDirectory(Root);
    }

    public string Root { get; }

    public string Database => Path.Combine(Root, "stoker.db");

    public string AdminKey => Path.Combine(Root, "admin.key");

    /// <summary>Uploaded files, as <c>{account}/{model}/</c>.</summary>
    public string Models => Path.Combine(Root, "models");

    /// <summary>One directory per replica.</summary>
    public string Replicas => Path.Combine(Root, "replicas");

    /// <summary>What gateways have begun and not ended, a file for each that runs or was killed.</summary>
    public string Requests => Path.Combine(Root, "requests");

    /// <summary>Makes a directory, and those above it, mode 0700 where there are modes.</summary>
    public static void CreateDirectory(string path)
    {
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(path);
        else Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
