using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Stoker.Engine.Sampling;

/// <summary>Finds the highest logits of a row without putting the row in order.</summary>
/// <remarks>
/// A pass compares 16 logits at a time with a bound and collects only those above it; when the buffer is full, the bound
/// rises to the lowest of the best that are wanted. Of 128k logits in no particular order some hundred pass.
/// A found token is a key whose ascending order is: falling logit, then lower id.
/// </remarks>
internal static class HighestTokens
{
    private const int LeastBuffer = 512; // a small k still gets a buffer that is seldom full
    private const int RadixBits = 11; // three passes over the logit's 32 bits, whose counts fit the first cache
    private const int RadixFrom = 2048; // below, a comparison sort is as fast as clearing and adding up the counts

    public static int Id(ulong key) => (int)(uint)key;

    /// <summary>The <paramref name="count"/> highest in order, fewer where fewer can come.</summary>
    /// <returns>How many keys there are.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Take(ReadOnlySpan<float> row, int count, SamplingScratch scratch)
    {
        if (count >= row.Length / 2) return Math.Min(count, TakeAbove(row, float.NegativeInfinity, scratch));
        var buffer = scratch.Keys.AsSpan(0, Math.Min(row.Length, Math.Max(2 * count, LeastBuffer)));
        var (found, bound) = (0, float.NegativeInfinity);
        for (var start = 0; start < row.Length; start += 16)
        {
            var above = RowMath.Above(row, start, bound);
            for (; above != 0; above &= above - 1)
            {
                var id = start + BitOperations.TrailingZeroCount(above);
                if (found == buffer.Length)
                {
                    Partition(buffer, count);
                    (found, bound) = (count, row[Id(buffer[count - 1])]);
                    if (!(row[id] > bound)) continue;
                }
                buffer[found++] = Key(row[id], id);
            }
        }
        if (found > count) Partition(buffer[..found], count);
        found = Math.Min(found, count);
        buffer[..found].Sort();
        return found;
    }

    /// <summary>All tokens above a bound, in order.</summary>
    /// <returns>How many keys there are.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int TakeAbove(ReadOnlySpan<float> row, float bound, SamplingScratch scratch)
    {
        var found = 0;
        for (var start = 0; start < row.Length; start += 16)
        {
            for (var above = RowMath.Above(row, start, bound); above != 0; above &= above - 1)
            {
                var id = start + BitOperations.TrailingZeroCount(above);
                scratch.Keys[found++] = Key(row[id], id);
            }
        }
        Sort(found, scratch);
        return found;
    }

    /// <summary>Puts keys that come in the order of their ids into the order of their logits; the weights are lost.</summary>
    public static void Sort(int count, SamplingScratch scratch)
    {
        var keys = scratch.Keys.AsSpan(0, count);
        if (count < RadixFrom) keys.Sort();
        else SortByRadix(keys, MemoryMarshal.Cast<double, ulong>(scratch.Weights.AsSpan(0, count)));
    }

    /// <summary>Moves the <paramref name="count"/> lowest keys to the front, the last of them at its place.</summary>
    private static void Partition(Span<ulong> keys, int count)
    {
        var (low, high, rounds) = (0, keys.Length - 1, 2 * BitOperations.Log2((uint)keys.Length));
        while (low < high)
        {
            if (rounds-- == 0) // pivots were bad again and again
            {
                keys[low..(high + 1)].Sort();
                return;
            }
            var (middle, end) = Split(keys, low, high);
            if (count - 1 <= end) high = end;
            else if (count - 1 >= middle) low = middle;
            else return;
        }
    }

    /// <summary>Hoare's partition around a median of three: keys up to end are at most the pivot, those from middle on at
    /// least.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (int Middle, int End) Split(Span<ulong> keys, int low, int high)
    {
        var (a, b, c) = (keys[low], keys[low + ((high - low) / 2)], keys[high]);
        var pivot = Math.Max(Math.Min(a, b), Math.Min(Math.Max(a, b), c));
        var (left, right) = (low, high);
        while (left <= right)
        {
            while (keys[left] < pivot) left++;
            while (keys[right] > pivot) right--;
            if (left > right) break;
            (keys[left], keys[right]) = (keys[right], keys[left]);
            left++;
            right--;
        }
        return (left, right);
    }

    // Stable, and the keys come in the order of their ids: only the logits' bits need sorting.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SortByRadix(Span<ulong> keys, Span<ulong> spare)
    {
        Span<int> places = stackalloc int[1 << RadixBits];
        for (var shift = 32; shift < 64; shift += RadixBits)
        {
            places.Clear();
            foreach (var key in keys) places[(int)(key >> shift) & (places.Length - 1)]++;
            var place = 0;
            for (var digit = 0; digit < places.Length; digit++) (places[digit], place) = (place, place + places[digit]);
            foreach (var key in keys) spare[places[(int)(key >> shift) & (places.Length - 1)]++] = key;
            spare.CopyTo(keys);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Key(float logit, int id)
    {
        var bits = BitConverter.SingleToUInt32Bits(logit + 0f); // -0 becomes 0: they are equal
        var rising = (bits & 0x8000_0000) != 0 ? ~bits : bits | 0x8000_0000;
        return ((ulong)~rising << 32) | (uint)id;
    }
}
