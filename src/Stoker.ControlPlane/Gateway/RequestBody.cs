using System.Buffers;
using Microsoft.AspNetCore.Http;

namespace Stoker.ControlPlane.Gateway;

/// <summary>A request's bytes in one rented buffer, which is wiped before others get it.</summary>
internal sealed class RequestBody(GatewayOptions options, BodyBudget budget) : IDisposable
{
    // Grows with what arrives, not with what Content-Length promises: a promise costs the client nothing.
    private const int FirstBytes = 16 << 10;

    private byte[] _buffer = [];
    private int _length;

    public ReadOnlyMemory<byte> Bytes => _buffer.AsMemory(0, _length);

    /// <returns>Null when the body is there, else the error to answer with.</returns>
    public async Task<InferenceError?> ReadAsync(HttpRequest request, CancellationToken cancellation)
    {
        if (request.Headers.ContentEncoding.Count > 0 && request.Headers.ContentEncoding != "identity") return Compressed;
        if (request.ContentLength > options.MaxBodyBytes) return TooLarge;
        while (true)
        {
            if (_length == _buffer.Length && Grow() is { } full) return full;
            var read = await request.Body.ReadAsync(_buffer.AsMemory(_length), cancellation);
            if (read == 0) return null;
            _length += read;
            if (_length > options.MaxBodyBytes) return TooLarge;
        }
    }

    public void Dispose()
    {
        if (_buffer.Length > 0) Return(_buffer);
        (_buffer, _length) = ([], 0);
    }

    private InferenceError? Grow()
    {
        // One byte more than allowed, so that a body of just the limit still finds its end.
        var size =
            Math.Min(Math.Max(_buffer.Length * 2, FirstBytes), Math.Max(options.MaxBodyBytes + 1, _buffer.Length + 1));
        if (!budget.TryTake(size)) return Busy;
        var larger = ArrayPool<byte>.Shared.Rent(size);
        budget.Adjust(larger.Length - size); // the pool rounds up
        _buffer.AsSpan(0, _length).CopyTo(larger);
        if (_buffer.Length > 0) Return(_buffer);
        _buffer = larger;
        return null;
    }

    private void Return(byte[] buffer)
    {
        buffer.AsSpan(0, _length).Clear();
        ArrayPool<byte>.Shared.Return(buffer);
        budget.Adjust(-buffer.Length);
    }

    private static InferenceError Compressed { get; } = new(
        StatusCodes.Status415UnsupportedMediaType,
        "UNSUPPORTED_MEDIA_TYPE",
        "Compressed bodies are not accepted: send the body without Content-Encoding");

    /// <summary>There is no memory for it now; shared with answers.</summary>
    internal static InferenceError Busy { get; } = new(
        StatusCodes.Status503ServiceUnavailable, "OVERLOADED", "The server holds as many bodies as it may: retry shortly")
    {
        RetryAfter = TimeSpan.FromSeconds(1),
    };

    private InferenceError TooLarge => new(
        StatusCodes.Status413PayloadTooLarge,
        "PAYLOAD_TOO_LARGE",
        $"The body is larger than {options.MaxBodyBytes} bytes, the most that is accepted: send less");
}
