using System.Diagnostics;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Tests.Runtimes;

public sealed class ProcessIdentityTests
{
    [Fact]
    public void A_process_that_only_looks_at_a_replicas_directory_is_not_the_replica()
    {
        Assert.SkipUnless(Directory.Exists("/proc"), "there is no /proc here");
        var directory = $"/stoker-test/{Guid.NewGuid():N}";
        using var pager = Waiting(directory);
        using var replica = Waiting("--directory", directory);
        try
        {
            var found = ProcessIdentity.FindByOption("--directory", new HashSet<string> { directory });

            found[directory].ShouldBe(ProcessIdentity.Find(replica.Id));
            found.Count.ShouldBe(1);
        }
        finally
        {
            pager.Kill();
            replica.Kill();
        }
    }

    /// <summary>A process that waits for its input, with these arguments.</summary>
    private static Process Waiting(params IEnumerable<string> arguments) => Process.Start(
        new ProcessStartInfo("/bin/sh", ["-c", "read line", "waiting", .. arguments]) { RedirectStandardInput = true })!;
}
