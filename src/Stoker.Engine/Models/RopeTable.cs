using Stoker.Engine.Native;

namespace Stoker.Engine.Models;

/// <summary>cos and sin of the first positions, computed when they are first met.</summary>
/// <remarks>
/// A sine costs some 20 ns and a step needs one per pair, rope and row: a third of a millisecond for 512 rows of 32 pairs.
/// Positions beyond the table are computed each time. One thread fills.
/// </remarks>
internal sealed class RopeTable : IDisposable
{
    /// <summary>32 MiB with 64 pairs, of which only the pages of positions in use are ever touched.</summary>
    private const int MostPositions = 1 << 16;

    private const int PositionsPerFill = 64;

    private readonly RopeFrequencies _frequencies;
    private readonly AlignedMemory _angles; // [positions][cos of all pairs, sin of all pairs]
    private readonly bool[] _filled;

    public RopeTable(RopeFrequencies frequencies, int contextLength)
    {
        _frequencies = frequencies;
        _filled = new bool[(Math.Min(contextLength, MostPositions) + PositionsPerFill - 1) / PositionsPerFill];
        _angles = new AlignedMemory((long)_filled.Length * PositionsPerFill * 2 * Pairs * sizeof(float));
    }

    public long SizeBytes => _angles.LengthBytes;

    private int Pairs => _frequencies.Inverse.Length;

    /// <summary>cos and sin of one position, each [pairs].</summary>
    public void Read(int position, Span<float> cos, Span<float> sin)
    {
        var piece = position / PositionsPerFill;
        if (piece >= _filled.Length)
        {
            _frequencies.Fill(position, cos, sin);
            return;
        }

        if (!_filled[piece])
        {
            Fill(piece);
        }

        Angles(position)[..Pairs].CopyTo(cos);
        Angles(position)[Pairs..].CopyTo(sin);
    }

    public void Dispose() => _angles.Dispose();

    private void Fill(int piece)
    {
        for (var position = piece * PositionsPerFill; position < (piece + 1) * PositionsPerFill; position++)
        {
            var angles = Angles(position);
            _frequencies.Fill(position, angles[..Pairs], angles[Pairs..]);
        }

        _filled[piece] = true;
    }

    private Span<float> Angles(int position) => _angles.Slice<float>((long)position * 2 * Pairs, 2 * Pairs);
}
