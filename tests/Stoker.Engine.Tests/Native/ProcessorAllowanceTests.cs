using Stoker.Engine.Native;
using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Tests.Native;

public sealed class ProcessorAllowanceTests : IDisposable
{
    private const string Unified = "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate";
    private const string Version1 = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct";
    private const string OtherMounts = "30 23 0:27 / /tmp rw - tmpfs tmpfs rw\n33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\nnonsense";
    private readonly string _root = Directory.CreateTempSubdirectory("stoker-cpus-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData("0", new[] { 0 })]
    [InlineData("0-3,8", new[] { 0, 1, 2, 3, 8 })]
    [InlineData("5,7", new[] { 5, 7 })]
    public void The_mask_gives_the_cores(string list, int[] expected)
    {
        Write("proc/self/status", $"Name:\tstoker\nCpus_allowed:\tff\nCpus_allowed_list:\t{list}\nMems_allowed_list:\t0");
        var allowance = ProcessorAllowance.Read(_root);
        allowance.Cores.ShouldBe(expected);
        (allowance.Threads, allowance.Quota).ShouldBe((expected.Length, null));
    }

    [Theory]
    [InlineData("")]
    [InlineData("3-1")]
    [InlineData("a")]
    [InlineData("0,,1")]
    [InlineData("0-99999999")]
    public void A_mask_that_is_none_falls_back_to_the_runtime_s_count(string list)
    {
        Write("proc/self/status", $"Cpus_allowed_list:\t{list}");
        ProcessorAllowance.Read(_root).Cores.Count.ShouldBe(Environment.ProcessorCount);
    }

    [Theory]
    [InlineData("max 100000", null, 8)]
    [InlineData("200000 100000", 2.0, 2)]
    [InlineData("150000 100000", 1.5, 1)] // rounded down: two spinning threads would be throttled
    [InlineData("50000 100000", 0.5, 1)]
    [InlineData("1600000 100000", 16.0, 8)] // never more than the mask has
    [InlineData("299999 100000", 2.99999, 2)]
    [InlineData("", null, 8)]
    [InlineData("100000", null, 8)]
    [InlineData("0 100000", null, 8)]
    [InlineData("100000 0", null, 8)]
    [InlineData("many 100000", null, 8)]
    public void A_quota_of_version_2_bounds_the_threads(string max, double? quota, int threads)
    {
        Machine("0::/app", Unified);
        Write("sys/fs/cgroup/app/cpu.max", max);
        var allowance = ProcessorAllowance.Read(_root);
        (allowance.Quota, allowance.Threads).ShouldBe((quota, threads));
    }

    [Fact]
    public void Where_kernels_use_up_a_quota_s_whole_cores_text_has_no_thread_of_its_own()
    {
        Machine("0::/app", Unified);
        Write("sys/fs/cgroup/app/cpu.max", "250000 100000"); // the runtime would say 3
        var allowed = ProcessorAllowance.Read(_root).Threads;
        DeliveryModes.HasOwnThread(DeliveryMode.Auto, kernelThreads: 2, allowed).ShouldBeFalse();
        DeliveryModes.HasOwnThread(DeliveryMode.Auto, kernelThreads: 1, allowed).ShouldBeTrue();
    }

    [Theory]
    [InlineData("-1", "100000", null)]
    [InlineData("300000", "100000", 3.0)]
    [InlineData("25000", "50000", 0.5)]
    [InlineData("300000", "", null)]
    public void A_quota_of_version_1_too(string quota, string period, double? expected)
    {
        Machine("4:cpu,cpuacct:/app\n3:memory:/other", Version1);
        Write("sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_quota_us", quota);
        Write("sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_period_us", period);
        ProcessorAllowance.Read(_root).Quota.ShouldBe(expected);
    }

    [Fact]
    public void The_smallest_limit_on_the_way_up_counts()
    {
        Machine("0::/pod/app", Unified);
        Write("sys/fs/cgroup/pod/app/cpu.max", "400000 100000");
        Write("sys/fs/cgroup/pod/cpu.max", "300000 100000");
        Write("sys/fs/cgroup/cpu.max", "max 100000");
        ProcessorAllowance.Read(_root).Quota.ShouldBe(3);
        Write("sys/fs/cgroup/cpu.max", "200000 100000");
        ProcessorAllowance.Read(_root).Quota.ShouldBe(2);
    }

    [Fact]
    public void Both_versions_at_once_count_both()
    {
        Machine("4:cpu,cpuacct:/app\n0::/app", Version1 + "\n" + Unified);
        Write("sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_quota_us", "500000");
        Write("sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_period_us", "100000");
        Write("sys/fs/cgroup/app/cpu.max", "600000 100000");
        ProcessorAllowance.Read(_root).Quota.ShouldBe(5);
        Write("sys/fs/cgroup/app/cpu.max", "100000 100000");
        ProcessorAllowance.Read(_root).Quota.ShouldBe(1);
    }

    /// <summary>In a container without a name space of its own, the mount shows the container's group at its top.</summary>
    [Theory]
    [InlineData("0::/docker/abc", "/docker/abc", "cpu.max")]
    [InlineData("0::/docker/abc/inner", "/docker/abc", "inner/cpu.max")]
    [InlineData("0::/elsewhere", "/docker/abc", "cpu.max")] // moved after the mount: what can be seen
    [InlineData("0::/../../other", "/", "cpu.max")] // outside of the name space
    public void A_group_is_found_below_what_is_mounted(string group, string root, string file)
    {
        Machine(group, Unified.Replace(" / ", $" {root} ", StringComparison.Ordinal));
        Write($"sys/fs/cgroup/{file}", "200000 100000");
        ProcessorAllowance.Read(_root).Quota.ShouldBe(2);
    }

    [Fact]
    public void A_system_without_any_of_these_files_has_no_quota()
    {
        var allowance = ProcessorAllowance.Read(_root);
        (allowance.Quota, allowance.Threads).ShouldBe((null, Environment.ProcessorCount));
    }

    [Fact]
    public void This_process_may_use_at_least_one_core_and_no_more_than_the_runtime_counts() =>
        ProcessorAllowance.Read().Threads.ShouldBeInRange(1, Environment.ProcessorCount);

    private void Machine(string groups, string mounts)
    {
        Write("proc/self/status", "Cpus_allowed_list:\t0-7");
        Write("proc/self/cgroup", groups);
        Write("proc/self/mountinfo", OtherMounts + "\n" + mounts);
    }

    private void Write(string path, string text)
    {
        path = Path.Combine(_root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text + "\n");
    }
}
