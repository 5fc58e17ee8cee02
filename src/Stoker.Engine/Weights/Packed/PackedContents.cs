namespace Stoker.Engine.Weights.Packed;

/// <summary>All that goes into one packed file.</summary>
/// <param name="Precision">As the file's name and <c>--precision</c> spell it.</param>
/// <param name="Serves">See <see cref="PackedHeader.Serves"/>.</param>
/// <param name="Items">Matrices are views into the open checkpoint.</param>
/// <param name="Tokenizer">In the tokenizer's own form; empty for none.</param>
internal sealed record PackedContents(
    string Precision,
    uint Serves,
    IReadOnlyList<SourceFile> Sources,
    PackedDescription Description,
    IReadOnlyList<PackItem> Items,
    ReadOnlyMemory<byte> Tokenizer);
