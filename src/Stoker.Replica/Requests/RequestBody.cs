using System.Buffers;
using Microsoft.AspNetCore.Http;

namespace Stoker.Replica.Requests;

/// <summary>
/// A request's bytes in a rented buffer; wiped when it goes back, so that no prompt lingers in the pool.
/// </summary>
internal sealed class RequestBody : IDisposable
{
    /// <summary>What the gateway allows (16 MiB), and room for what it splices in: the tokens of an answer so far.</summary>
    public const int MostBytes = (16 << 20) + (1 << 20);

    private const int FirstBytes = 16 << 10;

    private byte[] _buffer;
    private int _length;

    private RequestBody(int capacity) => _buffer = ArrayPool<byte>.Shared.Rent(capacity);

    public ReadOnlySpan<byte> Span => _buffer.AsSpan(0, _length);

    /// <exception cref="ApiException">413: longer than <see cref="MostBytes"/>; 415: compressed.</exception>
    public static async Task<RequestBody> ReadAsync(HttpRequest request, CancellationToken cancellation)
    {
        if (request.Headers.ContentEncoding.Count > 0 && request.Headers.ContentEncoding != "identity")
        {
            throw new ApiException(new(
                StatusCodes.Status415UnsupportedMediaType, "invalid_request_error", "Send the body without Content-Encoding.", null, "unsupported_encoding"));
        }

        if (request.ContentLength > MostBytes) throw new ApiException(ApiError.TooLarge(MostBytes));
        var body = new RequestBody((int)(request.ContentLength + 1 ?? FirstBytes));
        try
        {
            await body.FillAsync(request.Body, cancellation);
            return body;
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        var buffer = Interlocked.Exchange(ref _buffer, []);
        if (buffer.Length > 0) Return(buffer, _length);
        _length = 0;
    }

    private static void Return(byte[] buffer, int used)
    {
        buffer.AsSpan(0, used).Clear();
        ArrayPool<byte>.Shared.Return(buffer);
    }

    private async Task FillAsync(Stream stream, CancellationToken cancellation)
    {
        for (; ; )
        {
            if (_length == _buffer.Length) Grow();
            var read = await stream.ReadAsync(_buffer.AsMemory(_length), cancellation);
            if (read == 0) return;
            _length += read;
            if (_length > MostBytes) throw new ApiException(ApiError.TooLarge(MostBytes));
        }
    }

    private void Grow()
    {
        var larger = ArrayPool<byte>.Shared.Rent(_buffer.Length * 2);
        Span.CopyTo(larger);
        Return(_buffer, _length);
        _buffer = larger;
    }
}
