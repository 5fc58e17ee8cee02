namespace Stoker.Benchmarks.Cold;

/// <summary>Reads files so that they come from memory afterwards.</summary>
internal static class PageCache
{
    private const int PieceBytes = 8 << 20;

    /// <param name="place">A file, or a folder for all files right in it.</param>
    public static void Warm(string place)
    {
        var buffer = new byte[PieceBytes];
        foreach (var path in Directory.Exists(place) ? Directory.EnumerateFiles(place) : [place])
        {
            using var file = File.OpenHandle(path);
            for (var at = 0L; RandomAccess.Read(file, buffer, at) is > 0 and var read;) at += read;
        }
    }
}
