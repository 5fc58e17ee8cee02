namespace Stoker.Engine.Weights.Packed;

/// <summary>Why a packed file that is there is not used.</summary>
internal sealed record PackedProblem(string File, string Reason)
{
    public override string ToString() => $"{File} {Reason}";
}

/// <summary>Names and search of packed files in a model folder.</summary>
internal static class PackedFolder
{
    public const string Prefix = "stoker-";
    public const string TemporarySuffix = ".part";

    /// <summary>What Auto is for a checkpoint that is stored quantised.</summary>
    private static readonly string[] OfQuantized = [FileName("fp8"), FileName("int8")];

    /// <summary>By what the projections are held in: <c>stoker-bf16.packed</c>.</summary>
    public static string FileName(string precision) => $"{Prefix}{precision}{PackedFormat.Extension}";

    /// <summary>What would be looked for, for a message: <c>stoker-bf16.packed or stoker-f16.packed</c>.</summary>
    public static string NamesOf(Precision precision) => string.Join(" or ", Candidates(precision).Except(precision == Precision.Auto ? OfQuantized : []));

    /// <summary>A name of its own for each writer; hidden, and known by its suffix as a half.</summary>
    public static string TemporaryName(string fileName) =>
        $".{fileName}.{Guid.NewGuid():N}{TemporarySuffix}";

    /// <summary>The file of a precision, opened; null when there is none to be used.</summary>
    /// <param name="problem">Null when there is no such file.</param>
    public static PackedFile? Open(string folder, Precision precision, out PackedProblem? problem)
    {
        problem = null;
        foreach (var name in Candidates(precision))
        {
            var path = Path.Combine(folder, name);
            if (!File.Exists(path)) continue;
            try
            {
                return PackedFile.Open(path, folder, precision);
            }
            catch (PackedFileException refused) when (refused.IsOtherPrecision && OfQuantized.Contains(name) && precision == Precision.Auto)
            {
                // beside a checkpoint of 16 bits, packed for whoever asks for that precision
            }
            catch (PackedFileException refused)
            {
                problem ??= new(name, refused.Message);
            }
        }

        return null;
    }

    /// <summary>Removes what writers that are no more left half-written. The folder's lock must be held.</summary>
    public static void RemoveHalves(string folder)
    {
        foreach (var half in Directory.EnumerateFiles(folder, $".*{PackedFormat.Extension}.*{TemporarySuffix}")) File.Delete(half);
    }

    /// <summary>
    /// Auto gives f16 where the checkpoint is, fp8 or int8 where it is quantised so, else bf16; the files themselves say
    /// which of them is it.
    /// </summary>
    private static string[] Candidates(Precision precision) => precision == Precision.Auto
        ? [FileName("bf16"), FileName("f16"), .. OfQuantized]
        : [FileName(PrecisionNames.NameOf(precision))];
}
