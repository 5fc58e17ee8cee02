using Stoker.Engine.Native;
using Stoker.Engine.Weights;
using Stoker.Engine.Weights.Packed;

namespace Stoker.Engine.Models.Preparing;

/// <summary>How a prepared model is written.</summary>
public sealed record PreparedModelOptions
{
    /// <summary>0: one for each processor of this process.</summary>
    public int Threads { get; init; }

    /// <summary>Told once when another process prepares in the same place.</summary>
    public Action? Waiting { get; init; }

    /// <summary>A variant of other files gives way; anything else that has the name stays, and is an error.</summary>
    public bool Replace { get; init; }

    /// <summary>Bytes left where a folder is; tests bring their own full disk.</summary>
    internal Func<string, long> FreeBytes { get; init; } = folder => new DriveInfo(folder).AvailableFreeSpace;
}

/// <summary>A prepared model that is there and whole.</summary>
/// <param name="WasThere">Nothing was written.</param>
public sealed record PreparedModelReport(string Folder, string Precision, long SizeBytes, bool WasThere);

/// <summary>
/// Writes a variant of a model folder with quantised projections for any engine that reads compressed-tensors: codes of 8 bits
/// and one scale per row; head, embeddings, norms and routers as they are.
/// </summary>
/// <remarks>
/// The same source, with the times of its files, gives the same bytes. The folder appears under its name in one step, whole and on the disk, or not at
/// all; what a killed writer leaves is hidden and removed by the next one.
/// </remarks>
public static class PreparedModel
{
    private const int NoSpace = 28; // ENOSPC

    /// <summary>In the variant: sizes, times and ends of the files that it was made of.</summary>
    private const string SourcesFile = "stoker-source.json";

    /// <summary>What there is a form for. FP4 has none that other engines read with one scale per 32 columns.</summary>
    public static IReadOnlyList<Precision> Precisions { get; } = [Precision.Fp8, Precision.Int8];

    /// <summary>Writes the variant once; one that is there already is left alone.</summary>
    /// <remarks>
    /// Steps: (1) one writer at a time beside the target, halves of dead ones removed; (2) a whole one of this source ends it; (3) what is
    /// to be written; (4) a folder under a name of its own, its files flushed, checked as an upload is; (5) the source is
    /// still what it was; (6) the folder gets its name.
    /// </remarks>
    /// <param name="targetFolder">A name that is free, in a folder that exists.</param>
    /// <param name="progress">Called from any thread, some times a second.</param>
    /// <exception cref="ModelLoadException">The source is no whole 16 or 32 bit model that can be written so.</exception>
    /// <exception cref="ArgumentException">There is no such variant in this precision.</exception>
    /// <exception cref="IOException">Something else has the target's name, or the disk is full, read-only or fails.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; nothing is left.</exception>
    public static PreparedModelReport Write(
        string sourceFolder, string targetFolder, Precision precision, PreparedModelOptions? options = null,
        Action<PackProgress>? progress = null, CancellationToken cancellation = default)
    {
        options ??= new();
        if (!Precisions.Contains(precision)) throw new ArgumentException(NoVariant(precision), nameof(precision));
        ModelPacker.RequireBaseModel(sourceFolder);
        var target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(targetFolder));
        var parent = Path.GetDirectoryName(target) ?? throw new IOException($"{targetFolder} is the root of the file system: choose a new folder");
        if (!Directory.Exists(parent)) throw new DirectoryNotFoundException($"{parent} does not exist: make the folder, or choose another place");

        // 1.
        using var writing = DirectoryLock.Acquire(parent, options.Waiting, cancellation);
        if (writing.IsHeld) RemoveHalves(parent, target);

        // 2. The fingerprint is taken before the files are read: a change in between is seen in step 5.
        var sources = SourceFiles.Of(sourceFolder);
        if (Path.Exists(target))
        {
            var made = PreparedConfig.Sources(sources);
            if (!options.Replace || !IsOld(target, made)) return FindWhole(target, precision, made);
            Directory.Move(target, HalfOf(parent, target)); // so that a kill leaves nothing half removed under the name
            RemoveHalves(parent, target);
        }

        // 3.
        using var checkpoint = Checkpoint.Open(sourceFolder, WeightPlacement.Mapped);
        var spec = Architectures.Read(ConfigObject.Read(sourceFolder, LanguageModel.ConfigFile));
        var plan = PreparedPlan.Create(spec, checkpoint, precision);

        // 4.
        var half = HalfOf(parent, target);
        try
        {
            Directory.CreateDirectory(half);
            WriteSmall(half, SourcesFile, PreparedConfig.Sources(sources));
            WriteAll(new(sourceFolder, half, target), plan, checkpoint, options, progress, cancellation);

            // 5.
            if (!SourceFiles.Of(sourceFolder).SequenceEqual(sources))
            {
                throw new IOException($"{sourceFolder}: the model's files changed while they were read; prepare it again when they are complete");
            }

            // 6.
            cancellation.ThrowIfCancellationRequested();
            Directory.Move(half, target);
            writing.Flush();
            return new(target, PrecisionNames.NameOf(precision), SizeOf(target), WasThere: false);
        }
        finally
        {
            Discard(half);
        }
    }

    /// <summary>Why nothing is written in this precision.</summary>
    public static string NoVariant(Precision precision) =>
        $"there is no safetensors variant in {PrecisionNames.NameOf(precision)}; one is written in {string.Join(" or ", Precisions.Select(PrecisionNames.NameOf))}. "
        + (precision == Precision.Fp4 ? "The packed file holds fp4: stoker pack --precision fp4" : "The model's own files hold 16 and 32 bits");

    private static void WriteAll(
        Places places, PreparedPlan plan, Checkpoint checkpoint, PreparedModelOptions options, Action<PackProgress>? progress, CancellationToken cancellation)
    {
        var others = OtherFiles(places.Source).ToList();
        var needed = plan.LengthBytes + others.Sum(file => file.Length);
        var free = options.FreeBytes(places.Half);
        if (free < needed) throw DiskFull(places.Target, needed, free);
        var done = 0L;
        var writer = new PreparedFileWriter(checkpoint, places.Half, bytes => progress?.Invoke(new(Interlocked.Add(ref done, bytes), plan.DataBytes)));
        try
        {
            foreach (var file in others) Copy(file, Path.Combine(places.Half, file.Name));
            WriteSmall(places.Half, LanguageModel.ConfigFile, PreparedConfig.Config(places.Source, plan));
            if (PreparedConfig.Index(plan) is { } index) WriteSmall(places.Half, ShardIndex.FileName, index);
            foreach (var file in plan.Files) writer.Write(file, options.Threads > 0 ? options.Threads : Environment.ProcessorCount, cancellation);
        }
        catch (IOException full) when ((full.HResult & 0xFFFF) == NoSpace)
        {
            throw DiskFull(places.Target, needed, free, full);
        }

        _ = ModelFolder.Inspect(places.Half);
        using var folder = DirectoryLock.Acquire(places.Half, waiting: null, cancellation); // for its handle
        folder.Flush();
    }

    /// <summary>Tokenizer, templates, defaults, license: small files of the folder itself, but no weights in any form.</summary>
    private static IEnumerable<FileInfo> OtherFiles(string folder) => new DirectoryInfo(folder).EnumerateFiles()
        .Where(file => !file.Name.StartsWith('.') && file.Name is not (LanguageModel.ConfigFile or ShardIndex.FileName or SourcesFile)
            && file.Extension is not (".safetensors" or PackedFormat.Extension or ".bin" or ".pt" or ".pth" or ".pkl" or ".ckpt" or ".gguf" or ".onnx" or ".h5" or ".msgpack"))
        .OrderBy(file => file.Name, StringComparer.Ordinal);

    private static void Copy(FileInfo file, string target)
    {
        using var source = file.OpenRead();
        using var copy = File.Create(target);
        source.CopyTo(copy);
        copy.Flush(flushToDisk: true);
    }

    private static void WriteSmall(string folder, string name, byte[] bytes)
    {
        using var file = File.Create(Path.Combine(folder, name));
        file.Write(bytes);
        file.Flush(flushToDisk: true);
    }

    private static string HalfOf(string parent, string target) =>
        Path.Combine(parent, $".{Path.GetFileName(target)}.{Guid.NewGuid():N}{PackedFolder.TemporarySuffix}");

    /// <summary>One that we wrote, of other files than there are now.</summary>
    private static bool IsOld(string target, byte[] sources)
    {
        var made = Path.Combine(target, SourcesFile);
        return File.Exists(made) && !File.ReadAllBytes(made).AsSpan().SequenceEqual(sources);
    }

    private static PreparedModelReport FindWhole(string target, Precision precision, byte[] sources)
    {
        try
        {
            if (ModelFolder.Inspect(target).DefaultPrecision == precision)
            {
                var made = Path.Combine(target, SourcesFile);
                return File.Exists(made) && File.ReadAllBytes(made).AsSpan().SequenceEqual(sources)
                    ? new(target, PrecisionNames.NameOf(precision), SizeOf(target), WasThere: true)
                    : throw new IOException($"{target} is of other files than the model has now: remove it, or choose another place");
            }
        }
        catch (ModelLoadException)
        {
            // no model of ours: told below
        }

        throw new IOException($"{target} is there and holds no model in {PrecisionNames.NameOf(precision)}: remove it, or choose another place");
    }

    private static long SizeOf(string folder) => new DirectoryInfo(folder).EnumerateFiles().Sum(file => file.Length);

    private static void RemoveHalves(string parent, string target)
    {
        foreach (var half in Directory.EnumerateDirectories(parent, $".{Path.GetFileName(target)}.*{PackedFolder.TemporarySuffix}")) Directory.Delete(half, recursive: true);
    }

    private static IOException DiskFull(string path, long needed, long free, Exception? inner = null) => new(
        $"{path}: the prepared model takes {needed} bytes and the disk has {free} left: make room, or choose another place", inner);

    private static void Discard(string half)
    {
        try
        {
            if (Directory.Exists(half)) Directory.Delete(half, recursive: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // the next writer removes it; the first error is the one to tell
        }
    }

    private sealed record Places(string Source, string Half, string Target);
}
