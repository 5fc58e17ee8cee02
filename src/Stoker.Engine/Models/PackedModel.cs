using Stoker.Engine.Weights;
using Stoker.Engine.Weights.Packed;

namespace Stoker.Engine.Models;

/// <summary>The packed model of a folder, mapped and held against the config.</summary>
/// <param name="Weights">Own the file.</param>
internal sealed record PackedModel(PackedFile File, PackedWeights Weights)
{
    /// <summary>Finds, checks and maps it; its pages come in from now on, beside the rest of the start.</summary>
    /// <param name="notes">Told why one that is there is not used.</param>
    /// <returns>Null: the plain files are to be packed in memory.</returns>
    /// <exception cref="ModelLoadException">One is required and there is none to be used.</exception>
    public static PackedModel? Open(string folder, Precision precision, PackedUse use, ICollection<string> notes)
    {
        if (use == PackedUse.Never) return null;
        var file = PackedFolder.Open(folder, precision, out var problem);
        if (file is not null)
        {
            var weights = file.ToWeights();
            if (Misfit(folder, weights) is not { } misfit)
            {
                file.StartWarming(weights);
                return new(file, weights);
            }

            weights.Dispose();
            problem = new(Path.GetFileName(file.Path), $"does not hold what config.json asks for ({misfit})");
        }

        if (use == PackedUse.Require)
        {
            throw new ModelLoadException(
                problem?.File ?? PackedFolder.NamesOf(precision), null,
                $"{problem?.Reason ?? "is not there"}, and a packed model is required: run stoker pack, or open the model without requiring it");
        }

        if (problem is not null) notes.Add($"{problem}; the plain files are packed in memory. stoker pack writes it anew.");
        return null;
    }

    /// <summary>Names and shapes of a file are as good as its writer; those of the graph count.</summary>
    private static string? Misfit(string folder, PackedWeights weights)
    {
        var spec = Architectures.Read(ConfigObject.Read(folder, LanguageModel.ConfigFile));
        try
        {
            _ = DecoderWeights.From(spec, weights);
            return null;
        }
        catch (ModelLoadException error)
        {
            return $"{error.Item} {error.Reason}";
        }
    }
}
