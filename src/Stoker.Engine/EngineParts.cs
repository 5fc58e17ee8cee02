using Stoker.Engine.Kernels;
using Stoker.Engine.Models;
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

    /// <summary>Memory that the weights take: they are used as they are stored.</summary>
    public long WeightBytes { get; init; }

    public string KernelSet { get; init; } = "none";

    public int Threads { get; init; } = 1;

    /// <summary>The model's threads; they go after it.</summary>
    public ThreadTeam? Team { get; init; }

    /// <summary>Small files first: what is wrong with them shows before the weights are touched.</summary>
    /// <exception cref="ModelLoadException">The folder cannot be used.</exception>
    public static EngineParts Load(string modelFolder, EngineOptions options)
    {
        if (!Directory.Exists(modelFolder)) throw new ModelLoadException(modelFolder, null, "there is no such folder");
        var kernels = KernelSets.Choose(options.KernelSet);
        var tokenizer = Tokenizer.Load(modelFolder);
        var template = ChatTemplate.Load(modelFolder);
        var defaults = GenerationDefaults.Load(modelFolder);
        var description = ModelFolder.Describe(modelFolder, template, defaults);
        var team = new ThreadTeam(options.Threads);
        try
        {
            return new(LanguageModel.Load(modelFolder, kernels, team, options.ContextLength), new TokenizerText(tokenizer), defaults)
            {
                Description = description,
                Tokenizer = tokenizer,
                ChatTemplate = template,
                WeightBytes = description.WeightBytes,
                KernelSet = kernels.Name,
                Threads = team.Count,
                Team = team,
            };
        }
        catch
        {
            team.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Model.Dispose();
        Team?.Dispose();
    }
}
