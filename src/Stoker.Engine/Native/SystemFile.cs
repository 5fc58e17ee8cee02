namespace Stoker.Engine.Native;

/// <summary>Small text files of /proc and /sys.</summary>
internal static class SystemFile
{
    /// <summary>Empty where the file is missing or closed to us: then it says nothing.</summary>
    public static string[] Lines(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllLines(path) : [];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
