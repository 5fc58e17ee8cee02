using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Stoker.Engine.Weights;

namespace Stoker.Engine.KvCache;

/// <remarks>
/// Positions in and out. A row is converted as a whole and then spread over the panel: a prefill of 256 rows writes
/// some tens of microseconds a layer, where its matrices take milliseconds.
/// </remarks>
internal sealed unsafe partial class KvStore
{
    /// <summary>
    /// Writes consecutive positions of one sequence and kv head. Threads may write at the same time what lies in
    /// different blocks or heads.
    /// </summary>
    /// <param name="blockTable">Entry i is the block of positions 32i and on.</param>
    /// <param name="keys">[count, head dim], rows <paramref name="stride"/> floats apart; so are the values.</param>
    public void Write(
        int layer, int head, ReadOnlySpan<int> blockTable, int firstPosition, int count, float* keys, float* values, int stride)
    {
        for (int done = 0, part; done < count; done += part)
        {
            var (entry, slot) = ((firstPosition + done) / BlockSize, (firstPosition + done) % BlockSize);
            part = Math.Min(count - done, BlockSize - slot);
            WriteBlock(
                KeyPanel(layer, blockTable[entry], head), slot, part, keys + ((long)done * stride),
                values + ((long)done * stride), stride);
        }
    }

    /// <summary>Writes one position of one kv head; key and value: [head dim].</summary>
    public void Write(int layer, int block, int slot, int head, ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)slot, (uint)BlockSize, nameof(slot));
        ArgumentOutOfRangeException.ThrowIfNotEqual(key.Length, Shape.HeadDim, nameof(key));
        ArgumentOutOfRangeException.ThrowIfNotEqual(value.Length, Shape.HeadDim, nameof(value));
        fixed (float* keys = key, values = value)
        {
            WriteBlock(KeyPanel(layer, block, head), slot, 1, keys, values, 0);
        }
    }

    /// <summary>What a position of one kv head holds now; key and value: [head dim]. For tests and checks.</summary>
    public void Read(int layer, int block, int slot, int head, Span<float> key, Span<float> value)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)slot, (uint)BlockSize, nameof(slot));
        var keys = KeyPanel(layer, block, head);
        for (var dim = 0; dim < Shape.HeadDim; dim++)
        {
            key[dim] = Element(keys, dim, slot);
            value[dim] = Element(keys + PanelBytes + (dim / 32 * ValuePanelBytes), slot, dim % 32);
        }
    }

    private long ValuePanelBytes => 32L * BlockSize * Format.ElementBytes();

    /// <summary>Element of a panel at step k of the sum and row r.</summary>
    private float Element(byte* panel, int k, int r)
    {
        var paired = (k / 2 * 64) + (r * 2) + (k % 2);
        return Format switch
        {
            KvFormat.F32 => ((float*)panel)[(k * 32) + r],
            KvFormat.Bf16 => BFloat16.ToSingle(((ushort*)panel)[paired]),
            _ => Fp8.ToSingle(panel[paired]),
        };
    }

    private void WriteBlock(byte* keyPanel, int slot, int count, float* keys, float* values, int stride)
    {
        var valuePanels = keyPanel + PanelBytes;
        if (slot == 0 && count < BlockSize)
        {
            NativeMemory.Clear(valuePanels, (nuint)PanelBytes);
        }

        var padded = stackalloc float[PaddedDim];
        new Span<float>(padded, PaddedDim).Clear();
        var row = stackalloc float[PaddedDim];
        var other = stackalloc float[PaddedDim];
        for (var i = 0; i < count; i++)
        {
            Convert(keys + ((long)i * stride), padded, (byte*)row);
            SpreadKey((byte*)row, keyPanel, slot + i);
        }

        for (var i = 0; i < count; i++)
        {
            Convert(values + ((long)i * stride), padded, (byte*)row);
            if (Format == KvFormat.F32)
            {
                SpreadSingles(row, (float*)valuePanels, slot + i);
            }
            else if ((slot + i) % 2 == 0 && i + 1 < count)
            {
                Convert(values + ((long)++i * stride), padded, (byte*)other);
                SpreadPair((byte*)row, (byte*)other, valuePanels, (slot + i) / 2);
            }
            else
            {
                SpreadHalfPair((byte*)row, valuePanels, slot + i);
            }
        }
    }

    /// <summary>A row in the store's format, padded with zeros.</summary>
    private void Convert(float* source, float* padded, byte* row)
    {
        new ReadOnlySpan<float>(source, Shape.HeadDim).CopyTo(new Span<float>(padded, PaddedDim));
        switch (Format)
        {
            case KvFormat.Bf16:
                KvCodec.ToBf16(padded, (ushort*)row, PaddedDim);
                break;
            case KvFormat.Fp8:
                KvCodec.ToFp8(padded, row, PaddedDim);
                break;
            default:
                new ReadOnlySpan<float>(padded, PaddedDim).CopyTo(new Span<float>(row, PaddedDim));
                break;
        }
    }

    /// <summary>A key is one row of its panel: each pair of dimensions (f32: each dimension) 32 places on.</summary>
    private void SpreadKey(byte* row, byte* panel, int slot)
    {
        if (Format == KvFormat.Fp8)
        {
            Spread((ushort*)row, (ushort*)panel + slot, PaddedDim / 2);
        }
        else
        {
            Spread((uint*)row, (uint*)panel + slot, Format == KvFormat.F32 ? PaddedDim : PaddedDim / 2);
        }

        static void Spread<T>(T* source, T* target, int count) where T : unmanaged
        {
            for (var i = 0; i < count; i++)
            {
                target[i * 32] = source[i];
            }
        }
    }

    /// <summary>f32 values: 32 dimensions of a position lie side by side in each panel.</summary>
    private void SpreadSingles(float* row, float* panels, int slot)
    {
        for (var dim = 0; dim < PaddedDim; dim += 32)
        {
            new ReadOnlySpan<float>(row + dim, 32).CopyTo(new Span<float>(panels + (dim * BlockSize) + (slot * 32), 32));
        }
    }

    /// <summary>Two positions that share the pairs of their panels: interleaved, 32 dimensions at a time.</summary>
    private void SpreadPair(byte* even, byte* odd, byte* panels, int pair)
    {
        for (var dim = 0; dim < PaddedDim; dim += 32)
        {
            if (Format == KvFormat.Fp8)
            {
                var target = (ushort*)(panels + (dim * BlockSize) + (pair * 64));
                var (a, b) = (Vector256.Load(even + dim), Vector256.Load(odd + dim));
                (Vector256.WidenLower(a) | (Vector256.WidenLower(b) << 8)).Store(target);
                (Vector256.WidenUpper(a) | (Vector256.WidenUpper(b) << 8)).Store(target + 16);
                continue;
            }

            for (var half = 0; half < 32; half += 16)
            {
                var target = (uint*)panels + (dim * BlockSize / 2) + (pair * 32) + half;
                var (a, b) = (Vector256.Load((ushort*)even + dim + half), Vector256.Load((ushort*)odd + dim + half));
                (Vector256.WidenLower(a) | (Vector256.WidenLower(b) << 16)).Store(target);
                (Vector256.WidenUpper(a) | (Vector256.WidenUpper(b) << 16)).Store(target + 8);
            }
        }
    }

    /// <summary>One position alone: every second element.</summary>
    private void SpreadHalfPair(byte* row, byte* panels, int slot)
    {
        for (var dim = 0; dim < PaddedDim; dim++)
        {
            var at = (dim / 32 * 32 * BlockSize) + (slot / 2 * 64) + (dim % 32 * 2) + (slot % 2);
            if (Format == KvFormat.Fp8)
            {
                panels[at] = row[dim];
            }
            else
            {
                ((ushort*)panels)[at] = ((ushort*)row)[dim];
            }
        }
    }
}
