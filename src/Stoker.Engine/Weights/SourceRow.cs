using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Stoker.Engine.Kernels;
using Stoker.Engine.Weights.Quantized;

namespace Stoker.Engine.Weights;

/// <summary>One row of a weight as the checkpoint holds it, or a row of zeros that fills up a panel.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly unsafe struct SourceRow
{
    private readonly byte* _data; // null: zeros
    private readonly TensorType _type;
    private readonly float* _scales; // of codes: one for each block of columns
    private readonly int _blockColumns;
    private readonly int _scaleCount;
    private readonly float* _changeA; // null: nothing is added
    private readonly float* _changeB;
    private readonly int _changeRank;
    private readonly int _columns;

    private SourceRow(WeightMatrix source, int row)
    {
        _data = source.Data + ((long)row * source.Columns * source.BytesPerElement);
        _type = source.Type;
        if (source.Change is { } change)
        {
            (_changeRank, _columns) = (change.Rank, change.Columns);
            _changeA = change.A;
            _changeB = source.ChangeOf(row);
        }

        if (source.Scales is not { } scales) return;
        _scales = source.ScalesOf(row);
        (_blockColumns, _scaleCount) = (scales.BlockColumns, scales.PerRow);
    }

    /// <summary>E4M3 codes under one scale: what a row of <see cref="WeightFormat.Fp8"/> is, bit for bit.</summary>
    public bool IsFp8 => _type == TensorType.F8E4M3 && _data is not null && _scaleCount == 1 && _changeA is null;

    /// <summary>The largest scale of a row of codes; 0 of a row of numbers, and of one that is changed.</summary>
    public float LargestScale
    {
        get
        {
            var largest = 0f;
            for (var block = 0; block < _scaleCount && _changeA is null; block++) largest = Math.Max(largest, _scales[block]);
            return largest;
        }
    }

    /// <summary>Whether one of its E4M3 codes is no number.</summary>
    public bool HasNanCode(int columns) => StoredCodes.HasNan(_data, columns);

    /// <param name="row">Of the stacked rows; past the last one: zeros.</param>
    public static SourceRow Find(ReadOnlySpan<WeightMatrix> sources, int row)
    {
        foreach (var source in sources)
        {
            if (row < source.Rows)
            {
                return new SourceRow(source, row);
            }

            row -= source.Rows;
        }

        return default;
    }

    /// <summary>
    /// Columns first..first+valid-1 and zeros up to <paramref name="count"/>, in float32: exact, codes times their scale rounded once;
    /// what is added is added to that.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Widen(int first, int valid, int count, float* target)
    {
        var columns = _data is null ? 0 : valid;
        var k = 0;
        switch (_type)
        {
            case var _ when columns == 0:
                break;
            case TensorType.F32:
                Unsafe.CopyBlockUnaligned(target, (float*)_data + first, (uint)columns * sizeof(float));
                k = columns;
                break;
            case TensorType.BF16:
                var upperHalves = (ushort*)_data + first;
                for (; k <= columns - 16; k += 16) Lanes512.Store(target + k, Lanes512.LoadBFloat16(upperHalves + k));
                for (; k < columns; k++) target[k] = BFloat16.ToSingle(upperHalves[k]);
                break;
            case TensorType.F16:
                var halves = (ushort*)_data + first;
                for (; k <= columns - 16; k += 16) Lanes512.Store(target + k, Lanes512.LoadHalf(halves + k));
                for (; k < columns; k++) target[k] = (float)BitConverter.UInt16BitsToHalf(halves[k]);
                break;
            case TensorType.F8E4M3 or TensorType.I8:
                while (k < columns)
                {
                    var block = (first + k) / _blockColumns;
                    var run = (int)Math.Min(columns - k, ((block + 1L) * _blockColumns) - (first + k));
                    StoredCodes.Widen(_type, _data + first + k, run, _scales[block], target + k);
                    k += run;
                }

                break;
            default:
                throw new InvalidOperationException($"weights of type {_type.HeaderName()} are not computed with");
        }

        if (_changeA is not null) WeightChange.AddTo(target, k, _changeA, _changeB, _changeRank, _columns, first);
        new Span<float>(target + k, count - k).Clear();
    }

    /// <summary>The row's own bits where the format is the checkpoint's: exact, infinities and NaN too.</summary>
    /// <returns>False: another format; nothing is written.</returns>
    public bool CopyAs(WeightFormat format, int first, int valid, int count, uint* target)
    {
        if (format == WeightFormat.Fp8 && IsFp8)
        {
            Unsafe.CopyBlockUnaligned(target, _data + first, (uint)valid);
            new Span<byte>((byte*)target + valid, count - valid).Clear();
            return true;
        }

        if ((format, _type) is not ((WeightFormat.F16, TensorType.F16) or (WeightFormat.Bf16, TensorType.BF16)) || _data is null || _changeA is not null)
        {
            return false;
        }

        Unsafe.CopyBlockUnaligned(target, (ushort*)_data + first, (uint)valid * sizeof(ushort));
        new Span<ushort>((ushort*)target + valid, count - valid).Clear();
        return true;
    }

    /// <summary>Bits of the largest magnitude of a part in float32; NaN counts as larger than infinity.</summary>
    public static int LargestBits(float* values, int count)
    {
        var largest = 0;
        for (var k = 0; k < count; k++)
        {
            largest = Math.Max(largest, BitConverter.SingleToInt32Bits(values[k]) & 0x7FFFFFFF);
        }

        return largest;
    }
}
