using Stoker.Engine.KvCache;
using Stoker.Engine.Models;

namespace Stoker.Engine.Tests.Scheduling;

/// <summary>A model whose logits are a hash of all tokens up to the row, read from the KV store through the block table:
/// a wrong block, a stale one or a missing position changes what comes out.</summary>
internal sealed class FakeModel(int vocabularySize = FakeText.Size, int contextLength = 256) : ILanguageModel
{
    private readonly float[] _key = new float[1];
    private readonly float[] _value = new float[1];

    public ModelShape Shape { get; init; } = new(
        Layers: 1, HiddenSize: 1, Heads: 1, KvHeads: 1, HeadDim: 1, VocabularySize: vocabularySize, ContextLength: contextLength);

    /// <summary>After this token every logit is NaN.</summary>
    public int PoisonToken { get; init; } = -1;

    /// <summary>Looks at each step before it runs; may throw, as a broken kernel would.</summary>
    public Action<StepBatch>? OnForward { get; set; }

    public int Forwards { get; private set; }

    public int RowsComputed { get; private set; }

    public bool IsDisposed { get; private set; }

    public void Forward(StepBatch batch, KvStore kv, Span<float> logits)
    {
        Forwards++;
        RowsComputed += batch.RowCount;
        OnForward?.Invoke(batch);
        for (var row = 0; row < batch.RowCount; row++) Write(batch, kv, row);
        for (var index = 0; index < batch.LogitRowCount; index++)
        {
            Fill(logits.Slice(index * Shape.VocabularySize, Shape.VocabularySize), batch, kv, batch.RowsWithLogits[index]);
        }
    }

    public void Dispose() => IsDisposed = true;

    private static void Write(StepBatch batch, KvStore kv, int row)
    {
        var (position, token) = (batch.Positions[row], (float)batch.Tokens[row]);
        kv.Write(0, batch.BlockTable(row)[position / KvStore.BlockSize], position % KvStore.BlockSize, 0, [token], [token]);
    }

    private void Fill(Span<float> logits, StepBatch batch, KvStore kv, int row)
    {
        var hash = 1469598103934665603UL;
        for (var position = 0; position <= batch.Positions[row]; position++)
        {
            kv.Read(0, batch.BlockTable(row)[position / KvStore.BlockSize], position % KvStore.BlockSize, 0, _key, _value);
            hash = Mix(hash ^ (uint)_key[0]);
        }
        for (var id = 0; id < logits.Length; id++) logits[id] = (Mix(hash + (uint)id) >> 40) / (float)(1 << 22);
        if (batch.Tokens[row] == PoisonToken) logits.Fill(float.NaN);
    }

    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9UL;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EBUL;
        return value ^ (value >> 31);
    }
}
