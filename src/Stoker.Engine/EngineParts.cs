using Stoker.Engine.Addons;
using Stoker.Engine.Kernels;
using Stoker.Engine.Models;
using Stoker.Engine.Native;
using Stoker.Engine.Sampling;
using Stoker.Engine.Scheduling;
using Stoker.Engine.Speculation;
using Stoker.Engine.Templates;
using Stoker.Engine.Tokenization;

namespace Stoker.Engine;

/// <summary>What an engine is put together from; a test may bring its own model and text.</summary>
internal sealed record EngineParts(ILanguageModel Model, ITextDecoder Text, GenerationDefaults Defaults) : IDisposable
{
    public ModelDescription? Description { get; init; }

    public Tokenizer? Tokenizer { get; init; }

    public ChatTemplate? ChatTemplate { get; init; }

    /// <summary>The model that drafts, where there is one.</summary>
    public DecoderModel? Draft { get; init; }

    /// <summary>The head that drafts on the model's states instead.</summary>
    public EagleHead? Eagle { get; init; }

    /// <summary>Memory that the weights take, packed.</summary>
    public long WeightBytes { get; init; }

    public string KernelSet { get; init; } = "none";

    public string Precision { get; init; } = "none";

    public int Threads { get; init; } = 1;

    /// <summary>Threads that the process can keep busy; parts of a test take what the runtime says.</summary>
    public int Processors { get; init; } = Environment.ProcessorCount;

    /// <summary>How the team was made.</summary>
    public TeamPlan? Plan { get; init; }

    /// <summary>See <see cref="InferenceEngine.LoadNotes"/>.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Null for a model that a test brought.</summary>
    public ModelWork? Work { get; init; }

    /// <summary>Null where there are none.</summary>
    public AddonStore? Addons { get; init; }

    /// <summary>The model's threads; they go after it.</summary>
    public ThreadTeam? Team { get; init; }

    /// <summary>Small files and weights side by side: reading a large vocabulary takes as long as many weights.</summary>
    /// <exception cref="ModelLoadException">The folder cannot be used. What is wrong with the small files counts first.</exception>
    /// <exception cref="ArgumentException">The options ask for what this machine does not have.</exception>
    public static EngineParts Load(string modelFolder, EngineOptions options)
    {
        if (!Directory.Exists(modelFolder)) throw new ModelLoadException(modelFolder, null, "there is no such folder");
        var allowance = ProcessorAllowance.Read();
        var plan = TeamPlan.For(options.Threads, options.PinThreads, allowance, ProcessorAffinity.Refusal());
        var kernels = KernelSets.Choose(options.KernelSet);
        var notes = new List<string>();
        if (TooMany(plan, allowance) is { } slow) notes.Add(slow);
        var packed = PackedModel.Open(modelFolder, options.Precision, options.MergeAddon is null ? options.Packed : PackedUse.Never, notes);
        var team = new ThreadTeam(plan.Threads, plan.Cores);
        var slots = options.Addons is { } addons ? new AddonSlots(addons.MaxLoaded, addons.MaxRank) : null;
        DecoderModel? model = null, draft = null;
        EagleHead? eagle = null;
        try
        {
            var small = team.Count > 1 ? Task.Run(() => SmallFiles.Load(modelFolder, packed)) : Task.FromResult(SmallFiles.Load(modelFolder, packed));
            model = LoadWeights(modelFolder, options, packed, kernels, team, slots, notes, small);
            var (tokenizer, template, defaults) = small.GetAwaiter().GetResult();
            if (options.Speculation is { DraftFolder: { } folder, DraftTokens: > 0 })
            {
                (draft, eagle) = DraftModel.Open(folder, options, kernels, team, model, modelFolder, tokenizer, notes);
            }
            return new(model, new TokenizerText(tokenizer), defaults)
            {
                Description = packed is null
                    ? ModelFolder.Describe(modelFolder, template, defaults)
                    : ModelFolder.Describe(modelFolder, packed.File.Description, template, defaults),
                Notes = notes,
                Tokenizer = tokenizer,
                ChatTemplate = template,
                WeightBytes = model.WeightBytes,
                KernelSet = kernels.Name,
                Precision = model.Precision,
                Threads = team.Count,
                Processors = allowance.Threads,
                Plan = plan,
                Work = model.Work,
                Team = team,
                Addons = slots is null ? null : new(model.Spec, slots, options.Addons!, options.Time),
                Draft = draft,
                Eagle = eagle,
            };
        }
        catch
        {
            eagle?.Dispose();
            draft?.Dispose();
            model?.Dispose();
            packed?.Weights.Dispose();
            team.Dispose();
            throw;
        }
    }

    /// <summary>Taken as asked for, but not in silence: it makes every step slower, many times with several sequences.</summary>
    internal static string? TooMany(TeamPlan plan, ProcessorAllowance allowance) => plan.Threads <= allowance.Threads
        ? null
        : $"{plan.Threads} threads take turns on what this process may use, which is enough for {allowance.Threads}: it answers faster with that many";

    public void Dispose()
    {
        Eagle?.Dispose();
        Draft?.Dispose();
        Model.Dispose();
        Addons?.Dispose();
        Team?.Dispose();
    }

    private static DecoderModel LoadWeights(
        string modelFolder, EngineOptions options, PackedModel? packed, KernelSet kernels, ThreadTeam team,
        AddonSlots? slots, List<string> notes, Task<SmallFiles> small)
    {
        try
        {
            return LanguageModel.Load(
                modelFolder, kernels, team,
                new()
                {
                    ContextLength = options.ContextLength,
                    Precision = options.Precision,
                    Packed = packed?.Weights,
                    MemoryBytes = Math.Min(options.MemoryBudgetBytes ?? long.MaxValue, MachineMemory.LimitBytes()),
                    LockMemory = options.LockMemory,
                    Addons = slots,
                    MergeAddon = options.MergeAddon,
                    Notes = notes,
                });
        }
        catch
        {
            _ = small.GetAwaiter().GetResult(); // its error counts first, and nothing goes on reading the folder
            throw;
        }
    }

    private sealed record SmallFiles(Tokenizer Tokenizer, ChatTemplate? Template, GenerationDefaults Defaults)
    {
        public static SmallFiles Load(string folder, PackedModel? packed) =>
            new(packed?.File.Tokenizer ?? Tokenizer.Load(folder), ChatTemplate.Load(folder), GenerationDefaults.Load(folder));
    }
}
