using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Resources;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Models;

/// <summary>
/// The files of models on the disk. Names come checked by <see cref="UploadFile"/>; folders are made of parsed
/// identifiers.
/// </summary>
internal sealed class ModelFiles(ModelStore store, DataDirectory data)
{
    private const string TemporarySuffix = ".part";
    private const string PackedSuffix = ".packed";
    private const string RemovedPrefix = ".removed-"; // no identifier starts so
    private const int CopyBufferBytes = 1 << 20; // large writes; one buffer per running upload

    public string FolderOf(ModelName name) => store.FolderOf(name);

    /// <summary>The size of a file that is completely there; null when it is not.</summary>
    public long? SizeOf(ModelName name, string file)
    {
        var info = new FileInfo(Path.Combine(FolderOf(name), file));
        return info.Exists ? info.Length : null;
    }

    /// <summary>Bytes that still fit on the disk of the data directory.</summary>
    public long FreeBytes => new DriveInfo(data.Root).AvailableFreeSpace;

    /// <summary>
    /// Makes the folder, and removes from it what is not of the list: other uploads' files and halves.
    /// </summary>
    public void KeepOnly(ModelName name, IReadOnlyDictionary<string, long> manifest)
    {
        var folder = FolderOf(name);
        DataDirectory.CreateDirectory(folder);
        foreach (var path in Directory.EnumerateFiles(folder))
        {
            if (!manifest.ContainsKey(Path.GetFileName(path)) && !IsBeingWritten(path)) File.Delete(path);
        }
    }

    /// <summary>
    /// Streams a body of exactly <paramref name="size"/> bytes into a temporary file and on to the disk.
    /// </summary>
    /// <returns>
    /// The temporary file; <see cref="Publish"/> gives it its name, <see cref="Discard"/> removes it.
    /// </returns>
    public async Task<Result<string>> ReceiveAsync(ModelName name, string file, long size, Stream body, CancellationToken cancellation)
    {
        var path = Path.Combine(FolderOf(name), $"{file}.{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}{TemporarySuffix}");
        try
        {
            var options = new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                Share = FileShare.None,
                PreallocationSize = size, // a full disk says so before a byte was sent in vain
                BufferSize = 0,
            };
            await using var stream = new FileStream(path, options);
            var received = await CopyAsync(body, stream, size, cancellation);
            if (received == size)
            {
                RandomAccess.FlushToDisk(stream.SafeFileHandle); // nothing is buffered above it
                return path;
            }
        }
        catch (DirectoryNotFoundException)
        {
            return ModelNames.NotFound(name.ToString()); // deleted meanwhile
        }
        catch (IOException error) when (Failures.IsDiskFull(error) || FreeBytes < size) // a failed preallocation has no code of its own
        {
            Discard(path);
            return new Problem(
                Code.ResourceExhausted,
                $"The disk of the data directory is full: {file} needs {size} bytes and {FreeBytes} are left: make room, then send it again");
        }
        catch
        {
            Discard(path);
            throw;
        }

        Discard(path);
        return Problem.InvalidArgument($"The body of {file} is not {size} bytes long, as getUploadEndpoint was told: ask again with the right size");
    }

    /// <summary>Gives a received file its name. False when the model was deleted meanwhile.</summary>
    public bool Publish(ModelName name, string file, string temporary)
    {
        try
        {
            File.Move(temporary, Path.Combine(FolderOf(name), file), overwrite: true);
            return true;
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
    }

    public static void Discard(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (DirectoryNotFoundException)
        {
        }
    }

    /// <summary>
    /// Removes a model's files: first out of the way in one step, so that a kill leaves a rest that the next start
    /// removes.
    /// </summary>
    public void Remove(ModelName name)
    {
        var folder = FolderOf(name);
        if (!Directory.Exists(folder)) return;
        var away =
            Path.Combine(data.Models, RemovedPrefix + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)));
        Directory.Move(folder, away);
        Directory.Delete(away, recursive: true);
    }

    /// <summary>Removes what earlier processes left half-removed, and folders of models that are not there.</summary>
    public async Task SweepAsync(CancellationToken cancellation)
    {
        if (!Directory.Exists(data.Models)) return;
        foreach (var accountFolder in Directory.EnumerateDirectories(data.Models))
        {
            var account = Path.GetFileName(accountFolder);
            if (account.StartsWith(RemovedPrefix, StringComparison.Ordinal)) Directory.Delete(accountFolder, recursive: true);
            else if (ResourceId.TryParse(account, out var id)) await SweepAccountAsync(new AccountName(id), accountFolder, cancellation);
        }
    }

    /// <summary>
    /// Names, sizes and times of writing: changes whenever the files are written anew. Packed models are made of the
    /// others and come and go without a change of the model.
    /// </summary>
    public static string Digest(string folder)
    {
        var text = new StringBuilder();
        foreach (var file in new DirectoryInfo(folder).EnumerateFiles().Where(file => !IsPacked(file.Name)).OrderBy(file => file.Name, StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture, $"{file.Name}\t{file.Length}\t{file.LastWriteTimeUtc.Ticks}\n");
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())).AsSpan(0, 16));
    }

    /// <summary>A packed model, or the half of one: <c>stoker-bf16.packed</c>, <c>.stoker-bf16.packed.ID.part</c>.</summary>
    private static bool IsPacked(string file) =>
        file.EndsWith(PackedSuffix, StringComparison.Ordinal)
        || (file.StartsWith('.') && file.Contains(PackedSuffix + ".", StringComparison.Ordinal) && file.EndsWith(TemporarySuffix, StringComparison.Ordinal));

    private async Task SweepAccountAsync(AccountName account, string folder, CancellationToken cancellation)
    {
        foreach (var modelFolder in Directory.EnumerateDirectories(folder))
        {
            if (!ResourceId.TryParse(Path.GetFileName(modelFolder), out var id)) continue;
            if (await store.FindAsync(account.Model(id), cancellation) is null) Remove(account.Model(id));
        }
    }

    /// <summary>Copies up to one byte more than expected, to tell a longer body from a right one.</summary>
    private static async Task<long> CopyAsync(Stream body, FileStream file, long size, CancellationToken cancellation)
    {
        var (buffer, received) = (new byte[(int)Math.Min(CopyBufferBytes, size + 1)], 0L);
        while (received <= size)
        {
            var read = await body.ReadAsync(buffer, cancellation);
            if (read == 0) break;
            received += read;
            if (received <= size) await file.WriteAsync(buffer.AsMemory(0, read), cancellation);
        }

        return received;
    }

    /// <summary>
    /// An upload of this process holds its temporary file open for itself alone; one that a killed process left opens.
    /// </summary>
    private static bool IsBeingWritten(string path)
    {
        if (!path.EndsWith(TemporarySuffix, StringComparison.Ordinal)) return false;
        try
        {
            using var probe = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.None);
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }
}
