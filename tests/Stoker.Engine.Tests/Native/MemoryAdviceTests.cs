using Stoker.Engine.Native;

namespace Stoker.Engine.Tests.Native;

/// <summary>What is told to the system about pages changes nothing of what is in them, whether it listens or not.</summary>
public unsafe class MemoryAdviceTests
{
    [Fact]
    public void Locking_a_little_memory_works_and_locking_all_there_is_is_refused()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "advice is given on Linux alone");
        using var memory = new AlignedMemory(8192);
        memory.Slice<byte>(0, 8192).Fill(7);
        if (MemoryAdvice.LockableBytes() is null or >= 16_384) MemoryAdvice.Lock(memory.Start, 8192).ShouldBeTrue();
        memory.Slice<byte>(0, 8192).ToArray().ShouldAllBe(value => value == 7);
        MemoryAdvice.Lock(memory.Start, 1L << 46).ShouldBeFalse(); // not mapped
    }

    [Fact]
    public void Populating_a_map_leaves_its_bytes_and_needs_no_alignment()
    {
        using var folder = new TemporaryFolder();
        var bytes = new byte[100_000];
        new Random(5).NextBytes(bytes);
        File.WriteAllBytes(folder.File("f"), bytes);
        using var file = File.OpenHandle(folder.File("f"));
        using var map = new MappedRegion(file, 4096, bytes.Length - 4096);
        MemoryAdvice.Populate(map.Start + 17, map.LengthBytes - 17);
        new ReadOnlySpan<byte>(map.Start, (int)map.LengthBytes).SequenceEqual(bytes.AsSpan(4096)).ShouldBeTrue();
    }

    [Fact]
    public void A_map_keeps_a_file_that_is_replaced()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("f"), [1, 2, 3]);
        File.WriteAllBytes(folder.File("g"), [4, 5, 6]);
        using var file = File.OpenHandle(folder.File("f"));
        using var map = new MappedRegion(file, 0, 3);
        File.Move(folder.File("g"), folder.File("f"), overwrite: true);
        new ReadOnlySpan<byte>(map.Start, 3).ToArray().ShouldBe([1, 2, 3]);
    }
}
