using Stoker.Engine.Addons;
using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;
using Stoker.Engine.Models;
using Stoker.Engine.Native;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Tests.Models;

/// <summary>
/// A loaded model with one sequence after another in its own blocks: what a scheduler does, in its simplest form.
/// </summary>
internal sealed class ModelRunner : IDisposable
{
    private readonly ThreadTeam _team;
    private readonly DecoderModel _model;
    private readonly KvStore _kv;
    private readonly int _blocksPerSequence;
    private readonly long[] _allocated;
    private readonly List<AlignedMemory> _addonMemory = [];
    private readonly Action<int, int> _noteAllocated;

    public ModelRunner(
        string folder, string kernels = "reference", int threads = 1, int sequences = 1, WeightPlacement placement = WeightPlacement.Auto,
        KvFormat kvFormat = KvFormat.F32, Precision precision = Precision.Auto, PackedUse packed = PackedUse.Never,
        ICollection<string>? notes = null, IReadOnlyList<string>? addons = null,
        string? mergeAddon = null, int? contextLength = null)
    {
        var slots = addons is null ? null : new AddonSlots(addons.Count, 64);
        _team = new ThreadTeam(threads) { MinimumWork = 0 }; // else small models would never be divided
        _allocated = new long[threads];
        _noteAllocated = (part, _) => _allocated[part] = GC.GetAllocatedBytesForCurrentThread();
        _model = LanguageModel.Load(
            folder, KernelSets.Choose(kernels), _team, new()
            {
                ContextLength = contextLength,
                Placement = placement,
                Precision = precision,
                Packed = PackedModel.Open(folder, precision, packed, notes ?? [])?.Weights,
                Addons = slots,
                MergeAddon = mergeAddon,
            });
        for (var slot = 0; slot < addons?.Count; slot++) slots!.Set(slot, LoadAddon(addons[slot]));
        _blocksPerSequence = (Shape.ContextLength + KvStore.BlockSize - 1) / KvStore.BlockSize;
        _kv = new KvStore(Shape, _blocksPerSequence * sequences, kvFormat);
    }

    public ModelShape Shape => _model.Shape;

    public long WorkspaceBytes => _model.WorkspaceBytes;

    /// <summary>Blocks of sequence i, out of order and far apart, as after some hours of service.</summary>
    public int[] BlockTable(int sequence) =>
        [.. Enumerable.Range(0, _blocksPerSequence).Select(block => _kv.BlockCount - 1 - (block * (_kv.BlockCount / _blocksPerSequence)) - sequence)];

    /// <summary>Bytes that each of the model's threads has allocated on the collected heap so far, this one's first.</summary>
    public long[] AllocatedBytes()
    {
        _team.Run(_noteAllocated);
        return [.. _allocated];
    }

    public float[] Forward(StepBatch batch)
    {
        var logits = new float[batch.LogitRowCount * Shape.VocabularySize];
        Forward(batch, logits);
        return logits;
    }

    public void Forward(StepBatch batch, Span<float> logits) => _model.Forward(batch, _kv, logits);

    /// <summary>Logits of the rows asked for, of one sequence computed in chunks.</summary>
    /// <param name="addon">Index into the addons; -1: the base model.</param>
    public float[] Run(
        ReadOnlySpan<int> tokens, LogitRows logits, int chunk = int.MaxValue, int firstPosition = 0, int sequence = 0, int addon = -1)
    {
        var all = new List<float>();
        var batch = new StepBatch(Math.Min(chunk, tokens.Length), 1);
        for (var done = 0; done < tokens.Length; done += batch.RowCount)
        {
            var part = tokens.Slice(done, Math.Min(chunk, tokens.Length - done));
            var isLast = done + part.Length == tokens.Length;
            batch.Clear();
            batch.Add(
                part, firstPosition + done, BlockTable(sequence), logits == LogitRows.Last && !isLast ? LogitRows.None : logits, addon);
            all.AddRange(Forward(batch));
        }

        return [.. all];
    }

    public int[] Greedy(IReadOnlyList<int> prompt, int count, int addon = -1)
    {
        var tokens = new List<int>();
        var logits = Run([.. prompt], LogitRows.Last, addon: addon);
        while (true)
        {
            tokens.Add(Array.IndexOf(logits, logits.Max()));
            if (tokens.Count == count)
            {
                return [.. tokens];
            }

            logits = Run([tokens[^1]], LogitRows.Last, firstPosition: prompt.Count + tokens.Count - 1, addon: addon);
        }
    }

    /// <summary>Natural log-probability of every token but the first.</summary>
    public double[] LogProbabilities(ReadOnlySpan<int> tokens, int addon = -1)
    {
        var logits = Run(tokens[..^1], LogitRows.All, addon: addon);
        var result = new double[tokens.Length - 1];
        for (var i = 0; i < result.Length; i++)
        {
            var row = logits.AsSpan(i * Shape.VocabularySize, Shape.VocabularySize);
            result[i] = row[tokens[i + 1]] - LogShares.Total(row);
        }

        return result;
    }

    public void Dispose()
    {
        _model.Dispose();
        _kv.Dispose();
        _team.Dispose();
        _addonMemory.ForEach(memory => memory.Dispose());
    }

    private unsafe ResidentAddon LoadAddon(string folder)
    {
        using var file = AddonFile.Open(folder, _model.Spec, maxRank: 64);
        _addonMemory.Add(new(AddonPacker.SizeOf(file.Modules)));
        var packer = new AddonPacker(_model.Spec.Layers.Count, _addonMemory[^1].Start);
        file.Read(packer.Add);
        return packer.Finish();
    }
}
