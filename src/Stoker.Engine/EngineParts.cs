using Stoker.Engine.Kernels;
using Stoker.Engine.Models;
using Stoker.Engine.Native;
using Stoker.Engine.Sampling;
using Stoker.Engine.Scheduling;
using Stoker.Engine.Templates;
using Stoker.Engine.Tokenization;

namespace Stoker.Engine;

/// <summary>What an engine is put together from; a test may bring its own model and text.</summary>
internal sealed record EngineParts(ILanguageModel Model, ITextDecoder Text, GenerationDefaults Defaults) : IDisposable
{
    public ModelDescription? Description { get; init; }

    public Tokenizer? Tokenizer { get; init; }

    public ChatTemplate? ChatTemplate { get; init; }

    /// <summary>Memory that the weights take, packed.</summary>
    public long WeightBytes { get; init; }

    public string KernelSet { get; init; } = "none";

    public string Precision { get; init; } = "none";

    public int Threads { get; init; } = 1;

    /// <summary>How the team was made.</summary>
    public TeamPlan? Plan { get; init; }

    /// <summary>The model's threads; they go after it.</summary>
    public ThreadTeam? Team { get; init; }

    /// <summary>Small files and weights side by side: reading a large vocabulary takes as long as many weights.</summary>
    /// <exception cref="ModelLoadException">The folder cannot be used. What is wrong with the small files counts first.</exception>
    /// <exception cref="ArgumentException">The options ask for what this machine does not have.</exception>
    public static EngineParts Load(string modelFolder, EngineOptions options)
    {
        if (!Directory.Exists(modelFolder)) throw new ModelLoadException(modelFolder, null, "there is no such folder");
        var plan = TeamPlan.For(options.Threads, options.PinThreads, ProcessorAllowance.Read(), ProcessorAffinity.Refusal());
        var kernels = KernelSets.Choose(options.KernelSet);
        var team = new ThreadTeam(plan.Threads, plan.Cores);
        DecoderModel? model = null;
        try
        {
            var small = team.Count > 1 ? Task.Run(() => SmallFiles.Load(modelFolder)) : Task.FromResult(SmallFiles.Load(modelFolder));
            model = LoadWeights(modelFolder, options, kernels, team, small);
            var (tokenizer, template, defaults) = small.GetAwaiter().GetResult();
            return new(model, new TokenizerText(tokenizer), defaults)
            {
                Description = ModelFolder.Describe(modelFolder, template, defaults),
                Tokenizer = tokenizer,
                ChatTemplate = template,
                WeightBytes = model.WeightBytes,
                KernelSet = kernels.Name,
                Precision = model.Precision,
                Threads = team.Count,
                Plan = plan,
                Team = team,
            };
        }
        catch
        {
            model?.Dispose();
            team.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Model.Dispose();
        Team?.Dispose();
    }

    private static DecoderModel LoadWeights(
        string modelFolder, EngineOptions options, KernelSet kernels, ThreadTeam team, Task<SmallFiles> small)
    {
        try
        {
            return LanguageModel.Load(
                modelFolder, kernels, team, new() { ContextLength = options.ContextLength, Precision = options.Precision });
        }
        catch
        {
            _ = small.GetAwaiter().GetResult(); // its error counts first, and nothing goes on reading the folder
            throw;
        }
    }

    private sealed record SmallFiles(Tokenizer Tokenizer, ChatTemplate? Template, GenerationDefaults Defaults)
    {
        public static SmallFiles Load(string folder) =>
            new(Tokenizer.Load(folder), ChatTemplate.Load(folder), GenerationDefaults.Load(folder));
    }
}
