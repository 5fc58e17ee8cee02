using Stoker.Engine.KvCache;

namespace Stoker.Engine.Models;

/// <summary>A loaded decoder: tokens and positions in, logits out. One step at a time, from one thread.</summary>
/// <remarks>
/// The logits of a row depend on its own sequence alone: bit for bit the same in any batch, any chunking and on any
/// number of threads, within one kernel set. Everything that compares runs (speculation, prefix cache, preemption)
/// rests on it.
/// </remarks>
internal interface ILanguageModel : IDisposable
{
    ModelShape Shape { get; }

    /// <summary>
    /// Runs all rows of the step: writes their keys and values into <paramref name="kv"/>, attends over positions 0..p
    /// of each row's sequence (or its window) and computes logits for the rows that asked for them.
    /// </summary>
    /// <param name="logits">[batch.LogitRowCount, Shape.VocabularySize] row-major, in the order the rows were
    /// added.</param>
    /// <exception cref="ArgumentException">A token, position or block is out of range: a bug of the caller.</exception>
    void Forward(StepBatch batch, KvStore kv, Span<float> logits);
}
