using System.Globalization;
using Stoker.Engine;
using Stoker.Engine.Addons;
using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;
using Stoker.Engine.Models;
using Stoker.Engine.Native;

namespace Stoker.Benchmarks.Comparing;

/// <summary>
/// The engine's forward pass without its scheduler: weights, KV cache, threads and steps, each sequence on blocks of its
/// own. The one place of the benches that knows how a model is opened.
/// </summary>
internal sealed class ForwardModel : IDisposable
{
    private readonly ThreadTeam _team;
    private readonly DecoderModel _model;
    private readonly KvStore _kv;
    private readonly StepBatch _batch;
    private readonly int[][] _tables;
    private readonly int[] _lengths;
    private readonly float[] _logits;
    private readonly AddonStore? _addons;
    private readonly int[] _slots = []; // by addon

    /// <summary>
    /// The calling thread is the team's first and may be bound to a core: it does all steps, and starts no others.
    /// </summary>
    /// <param name="precision">As the engine spells it; <c>auto</c> takes what the checkpoint has.</param>
    /// <param name="maxRows">Rows of the largest step.</param>
    /// <param name="context">Positions that each sequence may reach.</param>
    /// <param name="addons">Folders of addons that rows may have; null: the base alone.</param>
    /// <param name="everyRow">Logits of all rows of a step may be asked for, see <see cref="StepAll"/>.</param>
    public ForwardModel(
        string folder, string precision, int threads, string? kernelSet, int maxRows, int sequences, int context,
        IReadOnlyList<string>? addons = null, KvPrecision kv = KvPrecision.Auto, bool everyRow = false)
    {
        var kernels = KernelSets.Choose(kernelSet);
        var plan = TeamPlan.For(threads, ThreadPinning.Auto, ProcessorAllowance.Read(), ProcessorAffinity.Refusal());
        (Threads, KernelSet) = (plan.Threads, kernels.Name);
        _team = new ThreadTeam(plan.Threads, plan.Cores);
        _team.PinCaller();
        var options = new AddonOptions { MaxLoaded = addons?.Count ?? 1 };
        var slots = addons is null ? null : new AddonSlots(options.MaxLoaded, options.MaxRank);
        _model = LanguageModel.Load(folder, kernels, _team, new() { Precision = EngineSetup.Parse(precision), Addons = slots });
        if (addons is not null)
        {
            _addons = new(_model.Spec, slots!, options, TimeProvider.System);
            _addons.Allocate();
            _slots = [.. addons.Select(LoadAddon)];
        }

        var blocks = (context + KvStore.BlockSize - 1) / KvStore.BlockSize;
        _kv = new(_model.Shape, sequences * blocks, KvFormats.Of(kv));
        _batch = new(maxRows, sequences);
        _tables = [.. Enumerable.Range(0, sequences).Select(sequence => Enumerable.Range(sequence * blocks, blocks).ToArray())];
        _lengths = new int[sequences];
        _logits = new float[(everyRow ? maxRows : sequences) * VocabularySize];
    }

    public int Threads { get; }

    public string KernelSet { get; }

    public long WeightBytes => _model.WeightBytes;

    public int VocabularySize => _model.Shape.VocabularySize;

    public string Description => string.Create(CultureInfo.InvariantCulture, $"Stoker.Engine, {_model.Precision}, kernel set {KernelSet}, {Threads}{(_team.IsPinned ? " pinned" : "")} threads, .NET {Environment.Version}");

    /// <summary>All sequences begin anew.</summary>
    public void Clear() => Array.Clear(_lengths);

    /// <summary>One step with a prompt (or a chunk) for each of the first sequences.</summary>
    /// <param name="addons">Of each sequence: index into the addons, or -1; null: the base for all.</param>
    /// <returns>Logits of each one's last token, row after row; valid until the next step.</returns>
    public ReadOnlySpan<float> Step(int[][] prompts, int[]? addons = null)
    {
        _batch.Clear();
        for (var sequence = 0; sequence < prompts.Length; sequence++)
        {
            _batch.Add(prompts[sequence], _lengths[sequence], _tables[sequence], LogitRows.Last, SlotOf(addons, sequence));
            _lengths[sequence] += prompts[sequence].Length;
        }
        return Forward();
    }

    /// <summary>One step with one token for each of the first sequences.</summary>
    public ReadOnlySpan<float> Step(ReadOnlySpan<int> tokens, int[]? addons = null)
    {
        _batch.Clear();
        for (var sequence = 0; sequence < tokens.Length; sequence++)
        {
            _batch.Add(
                tokens.Slice(sequence, 1), _lengths[sequence]++, _tables[sequence], LogitRows.Last, SlotOf(addons, sequence));
        }
        return Forward();
    }

    /// <summary>One step with a chunk of the first sequence.</summary>
    /// <returns>Logits of each of its tokens, row after row; valid until the next step.</returns>
    public ReadOnlySpan<float> StepAll(ReadOnlySpan<int> chunk)
    {
        _batch.Clear();
        _batch.Add(chunk, _lengths[0], _tables[0], LogitRows.All);
        _lengths[0] += chunk.Length;
        return Forward();
    }

    /// <summary>One step with a token for each of the first sequences, and behind them a chunk of the last one's prompt, which has no logits yet.</summary>
    /// <param name="tokens">Of the first sequences, all at <paramref name="tokensAt"/>.</param>
    /// <param name="chunk">None: the tokens alone.</param>
    public ReadOnlySpan<float> StepBeside(ReadOnlySpan<int> tokens, int tokensAt, ReadOnlySpan<int> chunk, int chunkAt)
    {
        _batch.Clear();
        for (var sequence = 0; sequence < tokens.Length; sequence++)
        {
            _batch.Add(tokens.Slice(sequence, 1), tokensAt, _tables[sequence], LogitRows.Last);
        }
        if (chunk.Length > 0) _batch.Add(chunk, chunkAt, _tables[^1], LogitRows.None);
        return Forward();
    }

    public void Dispose()
    {
        _model.Dispose();
        _kv.Dispose();
        _team.Dispose();
        _addons?.Dispose();
    }

    private int LoadAddon(string folder)
    {
        var use = _addons!.TryUse(_addons.Register(folder).Digest)!;
        return use.TryPin() ? use.Slot : throw new InvalidOperationException($"{folder} found no room beside the other addons");
    }

    private int SlotOf(int[]? addons, int sequence) => addons is null || addons[sequence] < 0 ? StepBatch.NoAddon : _slots[addons[sequence]];

    private Span<float> Forward()
    {
        var logits = _logits.AsSpan(0, _batch.LogitRowCount * VocabularySize);
        _model.Forward(_batch, _kv, logits);
        return logits;
    }
}
