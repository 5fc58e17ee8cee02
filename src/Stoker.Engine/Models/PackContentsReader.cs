using Stoker.Engine.Tokenization;
using Stoker.Engine.Tokenization.Tables;
using Stoker.Engine.Weights;
using Stoker.Engine.Weights.Packed;

namespace Stoker.Engine.Models;

/// <summary>Puts together what a packed file of a model holds.</summary>
internal static class PackContentsReader
{
    /// <param name="checkpoint">With bytes; the items are views into it.</param>
    /// <exception cref="ModelLoadException">The checkpoint does not hold the graph of the config.</exception>
    public static PackedContents Read(string folder, Checkpoint checkpoint, Precision precision, IReadOnlyList<SourceFile> sources)
    {
        var spec = Architectures.Read(ConfigObject.Read(folder, LanguageModel.ConfigFile));
        var plan = PackPlan.Create(spec, checkpoint, precision);
        var serves = Enum.GetValues<Precision>()
            .Where(other => other == precision || Formats(PackPlan.Create(spec, checkpoint, other)).SequenceEqual(Formats(plan)))
            .Aggregate(0u, (bits, other) => bits | PackedFile.Bit(other));
        return new(
            plan.Precision,
            serves,
            sources,
            new PackedDescription(checkpoint.ParameterCount, checkpoint.SizeBytes, ModelFolder.StoredType(checkpoint)),
            plan.Items,
            TokenizerOf(folder));
    }

    private static byte[] TokenizerOf(string folder)
    {
        var tokenizer = Tokenizer.Load(folder);
        using var tables = new MemoryStream(TokenizerTables.SizeOf(tokenizer));
        TokenizerTables.Write(tokenizer, tables);
        return tables.ToArray();
    }

    private static IEnumerable<WeightFormat> Formats(PackPlan plan) => plan.Items.Select(item => item.Format);
}
