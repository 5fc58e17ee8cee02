using Microsoft.Win32.SafeHandles;

namespace Stoker.Engine.Weights.Packed;

/// <summary>One file that a packed model was made of, as it was then.</summary>
/// <param name="SizeBytes">-1: the file was not there, and must not be there later.</param>
/// <param name="ModifiedTicks">Time of the last write, UTC, in 100 ns.</param>
/// <param name="EndsChecksum">Of the first and the last 64 KiB: all of a config, the header of a checkpoint.</param>
/// <remarks>
/// Reading gigabytes to know that they are the same would cost more than packing them. Size and time of writing see
/// every ordinary change, the ends see a file replaced under a kept time. What this does not see is a change in the
/// middle of a large file, of the same size, with the time set back by hand.
/// </remarks>
internal sealed record SourceFile(string Name, long SizeBytes, long ModifiedTicks, uint EndsChecksum)
{
    private const int EndBytes = 64 << 10;
    private const long Absent = -1;

    /// <exception cref="IOException">There, but not to be read.</exception>
    /// <exception cref="UnauthorizedAccessException">There, but not to be read.</exception>
    public static SourceFile Of(string folder, string name)
    {
        var path = Path.Combine(folder, name);
        if (!File.Exists(path)) return new(name, Absent, 0, 0);
        using var handle = File.OpenHandle(path); // of what a link points to
        var size = RandomAccess.GetLength(handle);
        return new(name, size, File.GetLastWriteTimeUtc(handle).Ticks, Ends(handle, size));
    }

    private static uint Ends(SafeFileHandle handle, long size)
    {
        var buffer = new byte[(int)Math.Min(size, EndBytes)];
        var first = Checksum.Of(Read(handle, buffer, 0));
        return Checksum.Of(Read(handle, buffer, size - buffer.Length), first);
    }

    private static ReadOnlySpan<byte> Read(SafeFileHandle handle, byte[] buffer, long offset)
    {
        var done = 0;
        while (done < buffer.Length && RandomAccess.Read(handle, buffer.AsSpan(done), offset + done) is > 0 and var read) done += read;
        return buffer.AsSpan(0, done);
    }
}
