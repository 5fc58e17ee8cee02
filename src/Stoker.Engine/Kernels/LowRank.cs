using System.Runtime.InteropServices;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Kernels;

/// <summary>h = scale · A x: one A of an addon, laid out as <see cref="LowRankLayout"/> says.</summary>
/// <param name="A">[rank][padded columns].</param>
/// <param name="Offset">Where in a row of h its values stand.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly unsafe record struct ShrinkPart(nint A, int Rank, int Offset, float Scale)
{
    public ushort* Weights => (ushort*)A;
}

/// <summary>y += B h for some outputs of a matrix.</summary>
/// <param name="B">[panels][rank][32].</param>
/// <param name="Offset">Where in a row of h its inputs stand.</param>
/// <param name="Second">Of the gated pair's second matrix, up.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly unsafe record struct ExpandPart(nint B, int Rank, int Offset, int FirstPanel, int PanelCount, bool Second)
{
    /// <summary>Weights of a panel, counted as in the matrix that is changed.</summary>
    public ushort* Panel(int panel) => (ushort*)B + ((long)(panel - FirstPanel) * Rank * PanelLayout.Rows);
}

/// <summary>What one addon adds to the outputs of one product (of a gated pair: of both): B · scale · A x, part by part.</summary>
/// <remarks>A and B of fused matrices stay apart: q, k and v have an A each and share only the input.</remarks>
internal sealed record LowRank(ShrinkPart[] Shrinks, ExpandPart[] Expands)
{
    /// <summary>Values of h for each row.</summary>
    public int Width { get; } = Shrinks.Sum(part => part.Rank);
}

/// <summary>How an addon's weights lie in memory: in bf16 and in chunks of 32, of which pair i holds the values i and i + 16.</summary>
/// <remarks>
/// So one load of pairs gives two vectors of neighbours, whatever the vector's width. A: [rank][columns], its columns padded
/// with zeros to whole chunks. B: by panels of the matrix that it changes, [panel][rank][32 outputs], with zeros for outputs
/// that are another part's. No rank is padded: at decode an addon costs its bytes.
/// </remarks>
internal static class LowRankLayout
{
    public const int Chunk = 32;
    private const int Half = Chunk / 2;

    public static int Padded(int columns) => checked((columns + Chunk - 1) / Chunk * Chunk);

    /// <summary>Place of a value inside of its chunk, in 16-bit units.</summary>
    public static int Place(int index) => index < Half ? 2 * index : (2 * (index - Half)) + 1;
}
