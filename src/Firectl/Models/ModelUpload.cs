using System.Globalization;
using System.Net.Http.Headers;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;

namespace Firectl.Models;

/// <summary>
/// Sends a folder's files to a model, then has the server check them. Files that are completely there already are not
/// sent again.
/// </summary>
internal sealed class ModelUpload(Invocation invocation, ModelName model, bool quiet)
{
    public async Task RunAsync(ModelFolder folder, CancellationToken cancellation)
    {
        if (folder.LeftOut.Count > 0 && !quiet)
        {
            await invocation.Context.Errors.WriteLineAsync($"Not uploaded, no engine reads them: {string.Join(", ", folder.LeftOut)}");
        }

        var sizes = folder.Files.ToDictionary(file => file.Name, file => file.Length.ToString(CultureInfo.InvariantCulture), StringComparer.Ordinal);
        var endpoint = await invocation.Server.SendAsync(
            HttpMethod.Post,
            $"v1/{model}:getUploadEndpoint",
            new GetUploadEndpointRequest { FilenameToSize = sizes, EnableResumableUpload = true },
            ServerConnection.Type<GetUploadEndpointRequest>(),
            ServerConnection.Type<GetUploadEndpointResponse>(),
            cancellation);

        var missing = folder.Files.Where(file => endpoint.FilenameToSignedUrls.ContainsKey(file.Name)).ToList();
        var bar = new ProgressBar(invocation.Context, $"Uploading {missing.Count} files", missing.Sum(file => file.Length), quiet);
        if (missing.Count < folder.Files.Count)
        {
            await bar.NoteAsync($"{folder.Files.Count - missing.Count} files are there already");
        }

        foreach (var file in missing)
        {
            await using var stream = file.Content.OpenRead();
            using var content = new StreamContent(new CountingStream(stream, bar));
            content.Headers.ContentLength = file.Length;
            content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
            await invocation.Server.PutAsync(new Uri(endpoint.FilenameToSignedUrls[file.Name], UriKind.RelativeOrAbsolute), content, cancellation);
        }

        await bar.EndAsync();
        await ValidateAsync(cancellation);
    }

    private async Task ValidateAsync(CancellationToken cancellation)
    {
        try
        {
            var answer = await invocation.Server.GetAsync($"v1/{model}:validateUpload", ServerConnection.Type<ValidateUploadResponse>(), cancellation);
            foreach (var warning in answer.Warnings) await invocation.Context.Errors.WriteLineAsync($"Warning: {warning}");
        }
        catch (ProblemException refused) when (refused.Problem.Code is Code.InvalidArgument or Code.FailedPrecondition)
        {
            throw new ProblemException(refused.Problem with
            {
                Message = $"{refused.Problem.Message}; mend the files and run: firectl upload model {model} PATH",
            });
        }
    }
}

/// <summary>Reads through, and tells how much.</summary>
internal sealed class CountingStream(Stream inner, ProgressBar bar) : Stream
{
    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => inner.Length;

    public override long Position
    {
        get => inner.Position;
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count)
    {
        var read = inner.Read(buffer, offset, count);
        bar.Add(read);
        return read;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await inner.ReadAsync(buffer, cancellationToken);
        bar.Add(read);
        return read;
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
