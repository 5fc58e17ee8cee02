using System.Buffers.Binary;

namespace Stoker.ControlPlane.Autoscaling;

/// <summary>Windows as bytes, so that they survive a restart: runs of equal seconds, which makes idle ones short.</summary>
public sealed partial class LoadWindow
{
    private const byte Format = 1;
    private const int HeaderSize = 1 + (4 * 8);
    private const int RunSize = 6 * 4;

    // Far above any window; more can only be damage.
    private const int MostSeconds = 1_000_000;
    private const long LongestCount = 1L << 33;

    /// <summary>
    /// What there is, without the clock it goes by: a reader has to know when its last second ended.
    /// </summary>
    public byte[] Write()
    {
        var runs = Runs();
        var bytes = new byte[HeaderSize + (runs.Count * RunSize)];
        bytes[0] = Format;
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(1), _unbroken);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(9), _settled);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(17), _idle);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(25), _count);
        var rest = bytes.AsSpan(HeaderSize);
        foreach (var (length, second) in runs)
        {
            BinaryPrimitives.WriteInt32LittleEndian(rest, length);
            BinaryPrimitives.WriteSingleLittleEndian(rest[4..], second.Mean);
            BinaryPrimitives.WriteInt32LittleEndian(rest[8..], second.Highest);
            BinaryPrimitives.WriteInt32LittleEndian(rest[12..], second.Requests);
            BinaryPrimitives.WriteInt32LittleEndian(rest[16..], second.PromptTokens);
            BinaryPrimitives.WriteInt32LittleEndian(rest[20..], second.GeneratedTokens);
            rest = rest[RunSize..];
        }

        return bytes;
    }

    /// <param name="bytes">What <see cref="Write"/> made.</param>
    /// <param name="length">How many seconds the new window shall hold.</param>
    /// <param name="lastSecond">Its last second on the reader's clock.</param>
    /// <returns>Null when the bytes are of another program or damaged: then all begins anew.</returns>
    public static LoadWindow? Read(ReadOnlySpan<byte> bytes, TimeSpan length, long lastSecond)
    {
        if (bytes.Length < HeaderSize || bytes[0] != Format || (bytes.Length - HeaderSize) % RunSize != 0) return null;
        var window = new LoadWindow(length);
        var count = BinaryPrimitives.ReadInt64LittleEndian(bytes[25..]);
        if (count is < 0 or > MostSeconds) return null;
        var left = count;
        for (var rest = bytes[HeaderSize..]; !rest.IsEmpty; rest = rest[RunSize..])
        {
            var run = BinaryPrimitives.ReadInt32LittleEndian(rest);
            var second = new Second(
                BinaryPrimitives.ReadSingleLittleEndian(rest[4..]),
                BinaryPrimitives.ReadInt32LittleEndian(rest[8..]),
                BinaryPrimitives.ReadInt32LittleEndian(rest[12..]),
                BinaryPrimitives.ReadInt32LittleEndian(rest[16..]),
                BinaryPrimitives.ReadInt32LittleEndian(rest[20..]));
            if (run <= 0 || run > left || !float.IsFinite(second.Mean) || second.Mean < 0) return null;
            left -= run;
            for (var i = 0; i < run; i++) window.Push(second);
        }

        if (left != 0) return null;
        var (unbroken, settled, idle) = (
            BinaryPrimitives.ReadInt64LittleEndian(bytes[1..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[9..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[17..]));
        if (unbroken is < 0 or > LongestCount || settled is < 0 or > LongestCount || idle is < 0 or > LongestCount) return null;
        (window._unbroken, window._settled, window._idle, window._last) = (unbroken, settled, idle, lastSecond);
        return window;
    }

    private List<(int Length, Second Second)> Runs()
    {
        var runs = new List<(int Length, Second Second)>();
        for (var ago = _count; ago >= 1; ago--)
        {
            var second = At(ago);
            if (runs.Count > 0 && runs[^1].Second == second) runs[^1] = (runs[^1].Length + 1, second);
            else runs.Add((1, second));
        }

        return runs;
    }
}
