namespace Stoker.Engine.Weights;

/// <summary>
/// Where the values of a packed matrix lie: panels of 32 rows, one after the other, each of them one sequential stream.
/// </summary>
/// <remarks>
/// Columns are padded with zeros to a multiple of 32, the rows of the last panel with rows of zeros, and every panel
/// starts on a cache line. Within a panel (k: column, u8 and so on: the element):
/// <code>
/// F32        [k][32 rows] f32
/// F16, Bf16  [k/2][32][2] u16
/// Int8       per group of 128 columns (the last may have 32, 64 or 96): [k/4][32][4] u8 = value + 128, [32] f16 scales
/// Fp8        [32] f32 scales, then [k/4][2 halves of 16 rows][4 quarters of 4 rows][2 pairs of columns][4 rows][2] u8
/// Fp4        per group of 32 columns: [4][2 halves][16 rows][4] u8, [32] f16 scales. Byte (j, half, row, i) holds
///            column 8j + i in its low and column 8j + 4 + i in its high bits
/// </code>
/// One layout serves one token, small batches and prefill: rows read one by one run at half or a third of the memory's
/// speed, because too many instructions fall on a cache line.
/// </remarks>
internal static class PanelLayout
{
    public const int Rows = 32;

    /// <summary>Columns are padded to multiples of this.</summary>
    public const int ColumnAlignment = 32;

    /// <summary>Columns under one scale of <see cref="WeightFormat.Int8"/>.</summary>
    public const int Int8Group = 128;

    /// <summary>Columns under one scale of <see cref="WeightFormat.Fp4"/>.</summary>
    public const int Fp4Group = 32;

    public const int ScaleBytes = Rows * 2;
    public const int Fp8HeaderBytes = Rows * sizeof(float);

    public static int PanelCount(int rows) => (int)(((long)rows + Rows - 1) / Rows);

    public static int PaddedColumns(int columns) => checked((columns + ColumnAlignment - 1) / ColumnAlignment * ColumnAlignment);

    public static long PanelBytes(WeightFormat format, int columns) => ColumnOffset(format, PaddedColumns(columns));

    public static long SizeOf(WeightFormat format, int rows, int columns) =>
        checked(PanelCount(rows) * PanelBytes(format, columns));

    /// <summary>Bytes from the start of a panel to a column that begins a block (or to its end).</summary>
    public static long ColumnOffset(WeightFormat format, int column) => format switch
    {
        WeightFormat.F32 => (long)column * Rows * sizeof(float),
        WeightFormat.F16 or WeightFormat.Bf16 => (long)column * Rows * 2,
        WeightFormat.Int8 => ((long)column * Rows) + ((column + Int8Group - 1) / Int8Group * ScaleBytes),
        WeightFormat.Fp8 => Fp8HeaderBytes + ((long)column * Rows),
        WeightFormat.Fp4 => ((long)column * Rows / 2) + (column / Fp4Group * ScaleBytes),
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "no such weight format"),
    };

    /// <summary>
    /// Columns that a kernel runs over before it turns to the next tile: a tile's activations (16 KiB) stay in the
    /// level-1 cache, a panel's block (64 KiB) in the level-2 cache. A function of the format and the columns alone.
    /// </summary>
    public static int BlockColumns(WeightFormat format, int columns)
    {
        var padded = PaddedColumns(columns);
        var target = format == WeightFormat.Int8 ? 2048 : 1024; // Fp4: measured 13 % faster than 2048 with 512 tokens
        var blocks = Math.Max(1, (padded + (target / 2)) / target);
        var even = (padded + blocks - 1) / blocks;
        return blocks == 1 ? padded : (even + Int8Group - 1) / Int8Group * Int8Group;
    }
}
