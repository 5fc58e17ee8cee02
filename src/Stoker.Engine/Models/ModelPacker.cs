using Stoker.Engine.Native;
using Stoker.Engine.Weights;
using Stoker.Engine.Weights.Packed;

namespace Stoker.Engine.Models;

/// <summary>How a model is packed.</summary>
public sealed record PackOptions
{
    /// <summary>Auto: as an engine without a precision of its own would run it.</summary>
    public Precision Precision { get; init; }

    /// <summary>
    /// Where to write; null: into the model's folder, where engines look. It ends in <c>.packed</c>: what is there is replaced,
    /// and a slip must not cost a checkpoint.
    /// </summary>
    public string? Output { get; init; }

    /// <summary>Packs although there is a good file.</summary>
    public bool Force { get; init; }

    /// <summary>0: one for each processor of this process.</summary>
    public int Threads { get; init; }

    /// <summary>Told once when another process packs in the same folder.</summary>
    public Action? Waiting { get; init; }

    /// <summary>Bytes left where a folder is; tests bring their own full disk.</summary>
    internal Func<string, long> FreeBytes { get; init; } = folder => new DriveInfo(folder).AvailableFreeSpace;
}

/// <summary>Bytes of panels that are written, and that there will be.</summary>
public readonly record struct PackProgress(long DoneBytes, long TotalBytes);

/// <summary>A packed model that is there and good.</summary>
/// <param name="File">The whole path.</param>
/// <param name="Precision">What the projections are held in, such as <c>bf16</c>.</param>
/// <param name="WasThere">Nothing was written: the file was good already.</param>
public sealed record PackReport(string File, string Precision, long SizeBytes, bool WasThere);

/// <summary>Writes packed models: the weights in the kernels' layout, to be mapped at a cold start.</summary>
public static class ModelPacker
{
    /// <summary>Packs a model folder once; a file that is good already is left alone.</summary>
    /// <remarks>
    /// Steps: (1) one writer at a time per folder, halves of dead ones removed; (2) what is to be packed; (3) a good file
    /// ends it; (4) a new file under a name of its own, checked by reading it; (5) the sources are still what they were;
    /// (6) the file gets its name in one step. Ended anywhere, the folder holds the old state and at most a half that
    /// the next writer removes.
    /// </remarks>
    /// <param name="progress">Called from any thread, some times a second.</param>
    /// <exception cref="ModelLoadException">The folder holds no model that can be packed.</exception>
    /// <exception cref="ArgumentException"><see cref="PackOptions.Output"/> is no name of a packed model.</exception>
    /// <exception cref="IOException">The disk is full, read-only or fails; the message says what to do.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; nothing is left.</exception>
    public static PackReport Pack(
        string modelFolder, PackOptions? options = null, Action<PackProgress>? progress = null, CancellationToken cancellation = default)
    {
        options ??= new();
        if (options.Output is { } output && OutputFault(output) is { } fault) throw new ArgumentException(fault, nameof(options));
        RequireBaseModel(modelFolder);
        var target = Path.GetFullPath(options.Output is null ? modelFolder : Path.GetDirectoryName(Path.GetFullPath(options.Output))!);
        if (!Directory.Exists(target)) throw new DirectoryNotFoundException($"{target} does not exist: make the folder, or choose another --output");

        // 1.
        using var writing = DirectoryLock.Acquire(target, options.Waiting, cancellation);
        if (writing.IsHeld) PackedFolder.RemoveHalves(target);

        // 2. The fingerprint is taken before the files are read: a change in between is seen in step 5.
        var sources = SourceFiles.Of(modelFolder);
        using var checkpoint = Checkpoint.Open(modelFolder, WeightPlacement.Mapped);
        var contents = PackContentsReader.Read(modelFolder, checkpoint, options.Precision, sources);
        var path = options.Output is null
            ? Path.Combine(target, PackedFolder.FileName(contents.Precision))
            : Path.GetFullPath(options.Output);
        if (Directory.Exists(path)) throw new IOException($"{path} is a folder, where the packed model is to lie: remove it, or choose another --output");

        // 3.
        if (!options.Force && FindGood(path, modelFolder, options.Precision) is { } good) return good;

        // 4.
        var half = Path.Combine(target, PackedFolder.TemporaryName(Path.GetFileName(path)));
        try
        {
            Write(half, path, contents, options, progress, cancellation);

            // 5.
            if (!SourceFiles.Of(modelFolder).SequenceEqual(sources))
            {
                throw new IOException($"{modelFolder}: the model's files changed while they were packed; pack again when they are complete");
            }

            // 6.
            File.Move(half, path, overwrite: true);
            writing.Flush();
            return new(path, contents.Precision, new FileInfo(path).Length, WasThere: false);
        }
        finally
        {
            Discard(half);
        }
    }

    /// <summary>Reads all of a packed model and holds it against its checksums and its sources.</summary>
    /// <param name="packedFile">Null: the one in the folder.</param>
    /// <param name="threads">0: one for each processor of this process.</param>
    /// <exception cref="ModelLoadException">There is none, or it is not to be used; the message says why.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static PackReport Verify(
        string modelFolder, Precision precision = Precision.Auto, string? packedFile = null, int threads = 0, CancellationToken cancellation = default)
    {
        try
        {
            using var file = packedFile is null ? Find(modelFolder, precision) : PackedFile.Open(packedFile, modelFolder, precision);
            file.VerifyPanels(threads > 0 ? threads : Environment.ProcessorCount, cancellation);
            return new(Path.GetFullPath(file.Path), file.Precision, file.LengthBytes, WasThere: true);
        }
        catch (PackedFileException refused)
        {
            var name = packedFile is null ? PackedFolder.NamesOf(precision) : Path.GetFileName(packedFile);
            throw new ModelLoadException(name, null, refused.Message, refused);
        }
    }

    /// <summary>Whether an engine of this program on this machine would take the folder's packed model.</summary>
    public static bool IsPacked(string modelFolder, Precision precision = Precision.Auto)
    {
        using var file = PackedFolder.Open(modelFolder, precision, out _);
        return file is not null;
    }

    /// <summary>Why nothing is written under this name; null when it may be.</summary>
    public static string? OutputFault(string output) =>
        !output.EndsWith(PackedFormat.Extension, StringComparison.Ordinal) || Directory.Exists(output)
            ? $"a packed model is a file with a name that ends in {PackedFormat.Extension}, such as {PackedFolder.FileName("bf16")}; was '{output}'"
            : null;

    private static PackedFile Find(string folder, Precision precision) =>
        PackedFolder.Open(folder, precision, out var problem) ?? throw (problem is null
            ? new PackedFileException("is not there: run stoker pack first")
            : new ModelLoadException(problem.File, null, problem.Reason));

    internal static void RequireBaseModel(string folder)
    {
        if (ModelFolder.Inspect(folder).Kind is not ModelKind.Base and var kind)
        {
            throw new ModelLoadException(
                Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))), null,
                $"holds {(kind == ModelKind.PeftAddon ? "a LoRA addon" : "a draft head")}; only whole models are packed");
        }
    }

    private static PackReport? FindGood(string path, string folder, Precision precision)
    {
        if (!File.Exists(path)) return null;
        try
        {
            using var file = PackedFile.Open(path, folder, precision);
            return new(path, file.Precision, file.LengthBytes, WasThere: true);
        }
        catch (PackedFileException)
        {
            return null; // it is what we are here to replace
        }
    }

    private static void Write(
        string half, string path, PackedContents contents, PackOptions options, Action<PackProgress>? progress, CancellationToken cancellation)
    {
        var workers = options.Threads > 0 ? options.Threads : Environment.ProcessorCount;
        var done = 0L;
        using (var file = File.OpenHandle(half, FileMode.CreateNew, FileAccess.ReadWrite))
        {
            var total = 0L;
            var writer = new PackedFileWriter(file, contents, bytes => progress?.Invoke(new(Interlocked.Add(ref done, bytes), total)));
            total = writer.PanelBytes;
            var (needed, free) = (writer.LengthBytes, options.FreeBytes(Path.GetDirectoryName(half)!));
            if (free < needed) throw DiskFull(path, needed, free);
            try
            {
                writer.Write(workers, cancellation);
            }
            catch (IOException full) when ((full.HResult & 0xFFFF) == NoSpace)
            {
                throw DiskFull(path, needed, free, full);
            }
        }

        try
        {
            using var written = PackedFile.Open(half);
            written.VerifyPanels(workers, cancellation);
        }
        catch (PackedFileException broken)
        {
            throw new IOException($"{path}: what was written {broken.Message}: the disk or the memory is not reliable", broken);
        }
    }

    private const int NoSpace = 28; // ENOSPC

    private static IOException DiskFull(string path, long needed, long free, Exception? inner = null) => new(
        $"{path}: the packed model takes {needed} bytes and the disk has {free} left: make room (or choose another place: stoker pack --output)", inner);

    private static void Discard(string half)
    {
        try
        {
            File.Delete(half); // gone already when it was given its name
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // the next writer removes it; the first error is the one to tell
        }
    }
}
