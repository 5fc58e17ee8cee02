using System.Security.Cryptography;
using System.Text;
using Stoker.Engine.Models;
using Stoker.Engine.Native;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Addons;

/// <summary>An addon's files, held against the base model before one of their numbers is read.</summary>
/// <remarks>
/// Everything is refused that would answer with other numbers than its author's: a tensor that matches no module, a module that
/// the settings target and that has no tensor, another rank than the settings say. Numbers are read through a buffer of one module's
/// size: what is loaded takes its place in the pool and no second one.
/// </remarks>
internal sealed class AddonFile : IDisposable
{
    private readonly Checkpoint _checkpoint;

    private AddonFile(Checkpoint checkpoint, IReadOnlyList<AddonModule> modules) => (_checkpoint, Modules) = (checkpoint, modules);

    /// <summary>By path.</summary>
    public IReadOnlyList<AddonModule> Modules { get; }

    /// <summary>The highest rank of a module.</summary>
    public int Rank => Modules.Max(module => module.Rank);

    /// <exception cref="ModelLoadException">Missing, cut, or made for another model.</exception>
    public static AddonFile Open(string folder, DecoderSpec spec, int maxRank)
    {
        if (!Directory.Exists(folder)) throw new ModelLoadException(folder, null, "there is no such folder");
        var config = PeftConfig.Read(folder);
        PeftAddon.RefusePickle(folder);
        var checkpoint = Checkpoint.OpenFile(folder, PeftAddon.WeightsFile, WeightPlacement.Streamed);
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

    /// <summary>Whether its numbers were not written to since it was opened.</summary>
    public bool IsUntouched => _checkpoint.IsUntouched;

    /// <summary>SHA-256 of everything that decides the addon's numbers: an addon is its contents, whatever it is called.</summary>
    /// <param name="use">See <see cref="Read(Action{AddonModule})"/>; null: nothing but the digest is wanted.</param>
    /// <exception cref="ModelLoadException">As when it is read.</exception>
    public string Digest(Action<AddonModule>? use = null)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Read(module =>
        {
            hash.AppendData(Encoding.UTF8.GetBytes(
                $"{module.Path} {module.Rank} {BitConverter.SingleToInt32Bits(module.Scale):x} {module.A.Columns} {module.B.Rows} {module.A.Type} {module.B.Type}\n"));
            Append(hash, module.A);
            Append(hash, module.B);
            use?.Invoke(module);
        });
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>One module after the other with its numbers.</summary>
    /// <param name="use">Has them until it returns.</param>
    /// <exception cref="ModelLoadException">They cannot be read, or one is none.</exception>
    public void Read(Action<AddonModule> use)
    {
        using var buffer = NewBuffer(Modules.Max(SizeOf));
        foreach (var module in Modules) use(Read(module, buffer));
    }

    /// <summary>One module alone with its numbers; from any thread.</summary>
    /// <param name="use">Has them until it returns.</param>
    /// <exception cref="ModelLoadException">They cannot be read, or one is none.</exception>
    public void Read(AddonModule module, Action<AddonModule> use)
    {
        using var buffer = NewBuffer(SizeOf(module));
        use(Read(module, buffer));
    }

    public void Dispose() => _checkpoint.Dispose();

    private AddonModule Read(AddonModule module, AlignedMemory buffer)
    {
        var name = LoraModules.Prefix + module.Path;
        _checkpoint.Read(name + LoraModules.SuffixA, buffer, 0);
        _checkpoint.Read(name + LoraModules.SuffixB, buffer, module.A.SizeBytes);
        var read = WithNumbers(module, buffer);
        AddonNumbers.Check(read);
        return read;
    }

    private static long SizeOf(AddonModule module) => module.A.SizeBytes + module.B.SizeBytes;

    private static AlignedMemory NewBuffer(long sizeBytes)
    {
        try
        {
            return new(sizeBytes);
        }
        catch (OutOfMemoryException error)
        {
            throw new ModelLoadException(
                PeftAddon.WeightsFile, null, $"needs {sizeBytes} bytes to be read, which the system refuses; free memory and load it again", error);
        }
    }

    private static unsafe AddonModule WithNumbers(AddonModule module, AlignedMemory buffer) =>
        module with { A = module.A.In(buffer.Start), B = module.B.In(buffer.Start + module.A.SizeBytes) };

    private static unsafe void Append(IncrementalHash hash, WeightMatrix matrix)
    {
        const int Piece = 1 << 30; // of a span, which ends at 2^31
        for (var done = 0L; done < matrix.SizeBytes; done += Piece)
        {
            hash.AppendData(new ReadOnlySpan<byte>(matrix.Data + done, (int)Math.Min(Piece, matrix.SizeBytes - done)));
        }
    }

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
