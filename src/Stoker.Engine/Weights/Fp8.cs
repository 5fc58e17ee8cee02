namespace Stoker.Engine.Weights;

/// <summary>The E4M3 numbers: sign, 4 bits of exponent (bias 7), 3 of significand; subnormals, no infinities, largest 448.</summary>
internal static class Fp8
{
    public const float Largest = 448;

    private static readonly float[] Values = DecodeAll();

    public static float ToSingle(byte bits) => Values[bits];

    /// <summary>Bytes from a panel's first value to this one; row 0 to 31.</summary>
    public static long Offset(int row, int column) =>
        ((long)(column / 4) * PanelLayout.Rows * 4)
        + (row / 16 * 64) + (row % 16 / 4 * 16) + (column % 4 / 2 * 8) + (row % 4 * 2) + (column % 2);

    /// <summary>To the nearest, ties to even, saturating at ±448. NaN gives NaN.</summary>
    public static byte FromSingle(float value)
    {
        var sign = (byte)((BitConverter.SingleToUInt32Bits(value) >> 24) & 0x80);
        var magnitude = Math.Min(MathF.Abs(value), Largest);
        if (float.IsNaN(magnitude))
        {
            return (byte)(sign | 0x7F);
        }

        if (magnitude < 0.015625f) // subnormals: multiples of 2^-9, the eighth of them is the smallest normal number
        {
            return (byte)(sign | (byte)MathF.Round(magnitude * 512, MidpointRounding.ToEven));
        }

        // Rounded at bit 20; a carry runs into the exponent, as it should. The bias of 127 becomes 7.
        var bits = BitConverter.SingleToUInt32Bits(magnitude);
        return (byte)(sign | (byte)(((bits + 0x7FFFF + ((bits >> 20) & 1)) >> 20) - (120 << 3)));
    }

    private static float[] DecodeAll()
    {
        var values = new float[256];
        for (var bits = 0; bits < values.Length; bits++) values[bits] = Decode((byte)bits);
        return values;
    }

    private static float Decode(byte bits)
    {
        var (exponent, significand) = ((bits >> 3) & 15, bits & 7);
        var magnitude = (bits & 0x7F) == 0x7F
            ? float.NaN
            : exponent == 0 ? MathF.ScaleB(significand, -9) : MathF.ScaleB(8 + significand, exponent - 10);
        return (bits & 0x80) != 0 ? -magnitude : magnitude;
    }
}
