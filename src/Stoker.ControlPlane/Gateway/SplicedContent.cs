using System.Net;
using System.Net.Http.Headers;

namespace Stoker.ControlPlane.Gateway;

/// <summary>
/// A client's body with another model's name in it, and perhaps a field of the gateway's; every other byte is the client's
/// own, and none is copied.
/// </summary>
internal sealed class SplicedContent : HttpContent
{
    private readonly ReadOnlyMemory<byte> _open;
    private readonly ReadOnlyMemory<byte> _field;
    private readonly ReadOnlyMemory<byte> _before;
    private readonly ReadOnlyMemory<byte> _name;
    private readonly ReadOnlyMemory<byte> _after;
    private readonly TimeProvider _time;

    /// <param name="quotedName">The name as JSON, with its quotes.</param>
    /// <param name="field">A field of our own to put first, with a comma behind it; mostly empty.</param>
    public SplicedContent(ReadOnlyMemory<byte> body, ScannedRequest request, ReadOnlyMemory<byte> quotedName, TimeProvider time, ReadOnlyMemory<byte> field = default)
    {
        _time = time;
        var first = field.IsEmpty ? 0 : body.Span.IndexOf((byte)'{') + 1;
        (_open, _field) = (body[..first], field);
        (_before, _name, _after) = (body[first..request.ModelStart], quotedName, body[request.ModelEnd..]);
        Headers.ContentType = new MediaTypeHeaderValue("application/json");
    }

    /// <summary>Whether a byte of it may have left: from then on a retry could run the request twice.</summary>
    public bool Started { get; private set; }

    /// <summary>A timestamp: when the last byte was handed to the connection; null while it is not.</summary>
    public long? WrittenAt { get; private set; }

    protected override bool TryComputeLength(out long length)
    {
        length = (long)_open.Length + _field.Length + _before.Length + _name.Length + _after.Length;
        return true;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        Started = true;
        if (_field.Length > 0)
        {
            await stream.WriteAsync(_open, cancellationToken);
            await stream.WriteAsync(_field, cancellationToken);
        }

        await stream.WriteAsync(_before, cancellationToken);
        await stream.WriteAsync(_name, cancellationToken);
        await stream.WriteAsync(_after, cancellationToken);
        WrittenAt = _time.GetTimestamp();
    }
}
