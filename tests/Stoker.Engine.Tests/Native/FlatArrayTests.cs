using Stoker.Engine.Native;

namespace Stoker.Engine.Tests.Native;

public sealed class FlatArrayTests
{
    [Fact]
    public void Items_are_read_within_their_bounds_alone()
    {
        var array = FlatInts.CopyOf([1, 2, 3]);
        array[2].ShouldBe(3);
        Should.Throw<IndexOutOfRangeException>(() => array[3]);
        Should.Throw<IndexOutOfRangeException>(() => array[-1]);
        array.Bytes[8].ShouldBe((byte)3);
        Should.Throw<IndexOutOfRangeException>(() => array.Bytes[12]);
        array.Bytes.Memory(4, 8).ToArray().ShouldBe([2, 0, 0, 0, 3, 0, 0, 0]);
        Should.Throw<ArgumentOutOfRangeException>(() => array.Bytes.Memory(5, 8));
        Should.Throw<ArgumentOutOfRangeException>(() => array.Bytes.Memory(-1, 1));
        var pairs = new FlatArray<(int, int)>(array.Bytes); // whole ones only
        pairs.Length.ShouldBe(1);
        pairs[0].ShouldBe((1, 2));
        Should.Throw<IndexOutOfRangeException>(() => pairs[1]);
        default(FlatInts).Span.Length.ShouldBe(0);
        default(FlatBytes).Memory(0, 0).Length.ShouldBe(0);
    }

    [Theory]
    [InlineData(-8, 1)]
    [InlineData(0, -1)]
    [InlineData(0, 65)]
    [InlineData(8, 57)]
    [InlineData(64, 1)]
    [InlineData(4, 1)] // not aligned
    [InlineData(0, int.MaxValue)]
    public void An_array_that_does_not_lie_in_its_memory_is_not_made(int offset, int length)
    {
        var memory = FixedMemory.Allocate(64);
        Should.Throw<ArgumentOutOfRangeException>(() => new FlatBytes(memory, offset, length));
    }

    [Fact]
    public void Memory_starts_at_a_cache_line_and_can_be_sliced_without_copying()
    {
        var memory = FixedMemory.Allocate(100);
        Address(memory).ShouldBe(0);
        memory.GetSpan()[70] = 9;
        memory.Memory.Span[70].ShouldBe((byte)9);
        memory.Memory.Length.ShouldBe(100);
        using var pin = memory.Memory.Slice(70).Pin();
        At(pin).ShouldBe((byte)9);
    }

    private static unsafe long Address(FixedMemory memory) => (nint)memory.Start % 64;

    private static unsafe byte At(System.Buffers.MemoryHandle pin) => *(byte*)pin.Pointer;
}
