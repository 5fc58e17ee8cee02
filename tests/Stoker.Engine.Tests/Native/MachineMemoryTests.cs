using Stoker.Engine.Native;

namespace Stoker.Engine.Tests.Native;

public sealed class MachineMemoryTests : IDisposable
{
    private readonly TemporaryFolder _root = new();

    public MachineMemoryTests() => Write("proc/meminfo", "MemTotal:        8000000 kB\nMemFree:         1 kB\n");

    public void Dispose() => _root.Dispose();

    /// <summary>The path is the host's; in a container its own group is what is mounted.</summary>
    [Fact]
    public void Groups_of_version_1_count_too()
    {
        Write("proc/self/cgroup", "9:cpu,cpuacct:/a\n8:memory:/docker/abc\n0::/\n");
        Limit().ShouldBe(8_000_000L * 1024);
        Write("cgroup/memory/memory.limit_in_bytes", "500000000\n");
        Limit().ShouldBe(500_000_000);
        Write("cgroup/memory/docker/abc/memory.limit_in_bytes", "400000000\n");
        Limit().ShouldBe(400_000_000);
        Write("cgroup/memory/docker/abc/memory.limit_in_bytes", "9223372036854771712\n"); // none
        Limit().ShouldBe(500_000_000);
    }

    [Fact]
    public void Without_a_cgroup_it_is_what_the_machine_has() => Limit().ShouldBe(8_000_000L * 1024);

    [Theory]
    [InlineData("0::/\n", "", "1000", 1000)]
    [InlineData("0::/a/b\n", "a/b", "2000", 2000)]
    [InlineData("0::/a/b\n", "a", "3000", 3000)] // a limit above it holds, too
    [InlineData("12:cpu:/x\n0::/a/b\n", "", "4000", 4000)]
    [InlineData("0::/a/b\n", "a/b", "max", 8_000_000L * 1024)]
    [InlineData("0::/a/b\n", "a/b", "99999999999999", 8_000_000L * 1024)]
    [InlineData("12:memory:/a\n", "a", "5000", 8_000_000L * 1024)] // another version's, which has other files
    public void The_least_limit_counts(string own, string folder, string limit, long expected)
    {
        Write("proc/self/cgroup", own);
        Write(Path.Join("cgroup", folder, "memory.max"), limit + "\n");
        Limit().ShouldBe(expected);
    }

    [Fact]
    public void A_system_that_says_nothing_leaves_the_runtimes_figure()
    {
        MachineMemory.LimitBytes(_root.File("none"), _root.File("none")).ShouldBe(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
        MachineMemory.LimitBytes().ShouldBePositive();
    }

    private long Limit() => MachineMemory.LimitBytes(_root.File("proc"), _root.File("cgroup"));

    private void Write(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_root.File(name))!);
        File.WriteAllText(_root.File(name), text);
    }
}
