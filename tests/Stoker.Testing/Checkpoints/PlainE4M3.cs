namespace Stoker.Testing.Checkpoints;

/// <summary>E4M3 from its definition: a table of all values, and a search for the nearest.</summary>
public static class PlainE4M3
{
    public const float Largest = 448;

    /// <summary>The numbers from 0 to 448; the last code, 127, is no number.</summary>
    private static readonly double[] Magnitudes = [.. Enumerable.Range(0, 127).Select(code => code < 8
        ? code * Math.Pow(2, -9)
        : (1 + (code % 8 / 8.0)) * Math.Pow(2, (code / 8) - 7))];

    public static float Decode(byte code) =>
        (code & 0x7F) == 0x7F ? float.NaN : (float)(code < 128 ? Magnitudes[code] : -Magnitudes[code & 0x7F]);

    /// <summary>The nearest number, of two equally near ones that with the even code; beyond 448: 448.</summary>
    public static byte Encode(float value)
    {
        var magnitude = Math.Abs((double)value);
        var above = Array.BinarySearch(Magnitudes, magnitude);
        if (above < 0) above = ~above;
        if (above == Magnitudes.Length) above--;
        var below = Math.Max(above - 1, 0);
        var (down, up) = (magnitude - Magnitudes[below], Magnitudes[above] - magnitude);
        var code = down < up || (down == up && below % 2 == 0) ? below : above;
        return (byte)(code | (float.IsNegative(value) ? 0x80 : 0));
    }
}
