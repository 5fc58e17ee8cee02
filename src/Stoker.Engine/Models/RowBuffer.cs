using Stoker.Engine.Native;

namespace Stoker.Engine.Models;

/// <summary>Float32 rows of one width outside of the collected heap.</summary>
internal sealed class RowBuffer(int rows, int width) : IDisposable
{
    private readonly AlignedMemory _memory = new(checked((long)rows * width * sizeof(float)));

    public long SizeBytes => _memory.LengthBytes;

    public Span<float> this[int row] => _memory.Slice<float>((long)row * width, width);

    /// <summary>The first rows as one span.</summary>
    public Span<float> First(int count) => _memory.Slice<float>(0, checked(count * width));

    public void Dispose() => _memory.Dispose();
}
