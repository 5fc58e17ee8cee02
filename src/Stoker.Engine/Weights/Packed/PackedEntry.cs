namespace Stoker.Engine.Weights.Packed;

/// <summary>One matrix or vector in a packed file's directory.</summary>
/// <param name="Format">F32 for a vector.</param>
/// <param name="Rows">1 for a vector.</param>
/// <param name="Offset">Of a matrix: in the file. Of a vector: in the section of vectors.</param>
/// <param name="Checksum">Of a matrix: the checksum of its panels' checksums, so that panels can be written and checked
/// in any order. Of a vector: 0, its section has one.</param>
internal sealed record PackedEntry(
    string Name, bool IsMatrix, WeightFormat Format, int Rows, int Columns, long Offset, long Length, uint Checksum)
{
    public long End => Offset + Length;
}
