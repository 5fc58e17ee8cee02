namespace Stoker.Benchmarks.Measuring;

/// <summary>Our own programs, as a build leaves them beside this one.</summary>
internal static class Programs
{
    /// <param name="project">That builds it.</param>
    /// <param name="given">A path that a caller chose instead.</param>
    /// <exception cref="UsageException">Not built.</exception>
    public static string Find(string project, string name, string? given)
    {
        var path = given ?? Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", project, "release", name));
        return File.Exists(path) ? path : throw new UsageException($"There is no program at {path}: build src/{project}, or say where with --{name}.");
    }
}
