using System.Runtime.InteropServices;

namespace Stoker.EndToEnd.Tests.Harness;

/// <summary>What a process can be told from outside beside its end.</summary>
internal static partial class Signals
{
    /// <summary>It lives, and does nothing any more; whoever connects to it waits.</summary>
    public static void Suspend(int pid) => Send(pid, 19).ShouldBe(0);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Send(int pid, int signal);
}
