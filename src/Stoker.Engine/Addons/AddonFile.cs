using System.Security.Cryptography;
using System.Text;
using Stoker.Engine.Models;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Addons;

/// <summary>An addon's files, read and held against the base model.</summary>
/// <remarks>
/// Everything is refused that would answer with other numbers than its author's: a tensor that matches no module, a module that
/// the settings target and that has no tensor, another rank than the settings say.
/// </remarks>
internal sealed class AddonFile : IDisposable
{
    private readonly Checkpoint _checkpoint;

    private AddonFile(Checkpoint checkpoint, IReadOnlyList<AddonModule> modules) => (_checkpoint, Modules) = (checkpoint, modules);

    /// <summary>By path.</summary>
    public IReadOnlyList<AddonModule> Modules { get; }

    /// <summary>The highest rank of a module.</summary>
    public int Rank => Modules.Max(module => module.Rank);

    /// <param name="placement">None: headers only.</param>
    /// <exception cref="ModelLoadException">Missing, cut, or made for another model.</exception>
    public static AddonFile Open(string folder, DecoderSpec spec, int maxRank, WeightPlacement placement = WeightPlacement.Copied)
    {
        if (!Directory.Exists(folder)) throw new ModelLoadException(folder, null, "there is no such folder");
        var config = PeftConfig.Read(folder);
        PeftAddon.RefusePickle(folder);
        var checkpoint = Checkpoint.OpenFile(folder, PeftAddon.WeightsFile, placement);
        try
        {
            var places = new AddonPlaces(spec);
            var modules = LoraModules.Pair(checkpoint).Select(module => Module(module, config, places, checkpoint, maxRank)).ToList();
            CheckComplete(config, places, modules);
            return new(checkpoint, modules);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>SHA-256 of everything that decides the addon's numbers: an addon is its contents, whatever it is called.</summary>
    public string Digest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var module in Modules)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(
                $"{module.Path} {module.Rank} {BitConverter.SingleToInt32Bits(module.Scale):x} {module.A.Columns} {module.B.Rows} {module.A.Type} {module.B.Type}\n"));
            Append(hash, module.A);
            Append(hash, module.B);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    public void Dispose() => _checkpoint.Dispose();

    private static unsafe void Append(IncrementalHash hash, WeightMatrix matrix) =>
        hash.AppendData(new ReadOnlySpan<byte>(matrix.Data, checked((int)matrix.SizeBytes)));

    private static AddonModule Module(
        LoraModule module, PeftConfig config, AddonPlaces places, Checkpoint checkpoint, int maxRank)
    {
        PeftAddon.CheckModule(config, module, 1, maxRank);
        var site = places.Find(module.Path) ?? throw Fail(
            module.Path, "is no module of the base model that addons may change: projections of attention and of dense MLPs; experts of a mixture are not supported");
        if (module.Outputs != site.Outputs || module.Inputs != site.Inputs)
        {
            throw Fail(module.Path, $"is for a weight [{module.Outputs}, {module.Inputs}], the base model's is [{site.Outputs}, {site.Inputs}]");
        }

        var name = LoraModules.Prefix + module.Path;
        return new(
            module.Path, site.Layer, site.Place, module.Rank, config.ScaleOf(module.Path),
            checkpoint.Matrix(name + LoraModules.SuffixA, module.Rank, site.Inputs),
            checkpoint.Matrix(name + LoraModules.SuffixB, site.Outputs, module.Rank), site.Targets);
    }

    private static void CheckComplete(PeftConfig config, AddonPlaces places, List<AddonModule> modules)
    {
        var present = modules.Select(module => module.Path).ToHashSet(StringComparer.Ordinal);
        foreach (var path in places.Paths())
        {
            if (config.Targets(path) && !present.Contains(path))
            {
                throw Fail(path, $"is a target of {PeftAddon.ConfigFile}, but its tensors are missing");
            }
        }
    }

    private static ModelLoadException Fail(string path, string reason) => new(PeftAddon.WeightsFile, path, reason);
}
