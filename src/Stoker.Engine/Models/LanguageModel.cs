using Stoker.Engine.Kernels;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Models;

/// <summary>Opens the model in a folder: config and weights to something that computes logits.</summary>
internal static class LanguageModel
{
    public const string ConfigFile = "config.json";

    /// <param name="team">Shared with nothing else that runs at the same time.</param>
    /// <param name="contextLength">Positions to serve; null: what the config states.</param>
    /// <exception cref="ModelLoadException">A file is missing, broken or asks for what is not supported.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The context length is more than the model reaches.</exception>
    public static ILanguageModel Load(
        string folder, KernelSet kernels, ThreadTeam team, int? contextLength = null,
        WeightPlacement placement = WeightPlacement.Auto)
    {
        var spec = Architectures.Read(ConfigObject.Read(folder, ConfigFile));
        if (contextLength is { } asked && (asked < 1 || asked > spec.MaxContextLength))
        {
            throw new ArgumentOutOfRangeException(
                nameof(contextLength), asked, $"the model reaches from 1 to {spec.MaxContextLength} positions");
        }

        var checkpoint = Checkpoint.Open(folder, placement);
        try
        {
            return new DecoderModel(spec, checkpoint, kernels, team, contextLength ?? spec.ContextLength);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }
}
