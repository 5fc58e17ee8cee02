using System.Diagnostics;
using System.Text;

namespace Stoker.EndToEnd.Tests.Harness;

/// <summary>Replicas as the operating system sees them, whatever any server believes.</summary>
internal static class ReplicaProcesses
{
    /// <summary>
    /// Living processes whose command line is a <c>replica</c>'s and names a path below <paramref name="root"/>.
    /// </summary>
    public static IReadOnlyList<Process> Under(string root) =>
        [.. Process.GetProcesses().Where(process => CommandLine(process) is { } line && line.Contains("\0replica\0") && line.Contains(root))];

    /// <summary>Of those, with spaces between the arguments.</summary>
    public static IReadOnlyList<string> CommandLines(string root) =>
        [.. Under(root).Select(CommandLine).OfType<string>().Select(line => line.Replace('\0', ' '))];

    private static string? CommandLine(Process process)
    {
        try
        {
            var line = Encoding.UTF8.GetString(File.ReadAllBytes($"/proc/{process.Id}/cmdline"));
            return line.Length == 0 ? null : line; // a zombie's is empty
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
