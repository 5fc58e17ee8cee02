using Stoker.Engine.KvCache;

namespace Stoker.Engine.Models;

/// <summary>The sizes of a loaded model that its users need: scheduler, KV cache, sampling.</summary>
/// <param name="Heads">Query heads; a multiple of <paramref name="KvHeads"/>.</param>
/// <param name="VocabularySize">Rows of the output matrix. May exceed the tokenizer's vocabulary: mask the
/// rest.</param>
/// <param name="ContextLength">Positions that one sequence may fill at most.</param>
internal sealed record ModelShape(
    int Layers, int HiddenSize, int Heads, int KvHeads, int HeadDim, int VocabularySize, int ContextLength)
{
    /// <summary>
    /// Memory of intermediate values for each row of the largest batch: taken at the first step and kept.
    /// </summary>
    public long WorkspaceBytesPerRow { get; init; }

    /// <summary>Memory of a step whatever its rows: what each thread works in, and tables.</summary>
    public long WorkspaceBytes { get; init; }

    /// <summary>Keys and values of one position over all layers, heads padded as the store pads them.</summary>
    public long KvBytesPerToken(KvFormat format) =>
        2L * Layers * KvHeads * KvStore.PadDim(HeadDim) * format.ElementBytes();
}
