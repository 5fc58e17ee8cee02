using Stoker.Engine.Native;

namespace Stoker.Engine.Tests.Native;

public sealed class FlatArrayTests
{
    [Fact]
    public void Items_are_read_within_their_bounds_alone()
    {
        var array = FlatArray<int>.CopyOf([1, 2, 3]);
        array[2].ShouldBe(3);
        Should.Throw<ArgumentOutOfRangeException>(() => array[3]);
        Should.Throw<ArgumentOutOfRangeException>(() => array[-1]);
        Should.Throw<ArgumentOutOfRangeException>(() => array.Bytes(2, 2));
        Should.Throw<ArgumentOutOfRangeException>(() => array.Bytes(-1, 1));
        array.Bytes(1, 2).ToArray().ShouldBe([2, 0, 0, 0, 3, 0, 0, 0]);
        array.As<byte>().Length.ShouldBe(12);
        array.As<long>().Length.ShouldBe(1); // whole ones only
        default(FlatArray<int>).As<byte>().Span.Length.ShouldBe(0);
    }

    [Theory]
    [InlineData(-8, 1)]
    [InlineData(0, -1)]
    [InlineData(0, 17)]
    [InlineData(64, 1)]
    [InlineData(4, 1)] // not aligned
    [InlineData(0, int.MaxValue)]
    public void An_array_that_does_not_lie_in_its_memory_is_not_made(int offset, int length)
    {
        var memory = FixedMemory.Allocate(64);
        Should.Throw<ArgumentOutOfRangeException>(() => new FlatArray<int>(memory, offset, length));
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
