using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Stoker.ControlPlane.Gateway;

/// <summary>
/// Writes to clients, none of whom may keep a write waiting for longer than <see
/// cref="GatewayOptions.SlowReaderTimeout"/>.
/// </summary>
internal sealed class ClientWriter(TimeProvider time, IOptions<GatewayOptions> options)
{
    // What one write hands over: a client that takes this much within the timeout is slow, not stalled.
    private const int PieceBytes = 64 << 10;

    /// <returns>False when the client is gone, or did not read for too long.</returns>
    public async ValueTask<bool> FlushAsync(HttpContext context)
    {
        var flush = context.Response.BodyWriter.FlushAsync(context.RequestAborted);
        if (flush.IsCompletedSuccessfully) return IsThere(context, flush.GetAwaiter().GetResult().IsCompleted);
        try
        {
            var result = await flush.AsTask().WaitAsync(options.Value.SlowReaderTimeout, time, context.RequestAborted);
            return IsThere(context, result.IsCompleted);
        }
        catch (Exception error) when (error is TimeoutException or OperationCanceledException or IOException)
        {
            return false;
        }
    }

    /// <summary>Writes in pieces, each with its own time.</summary>
    /// <returns>False when the client is gone, or did not read for too long.</returns>
    public async ValueTask<bool> WriteAsync(HttpContext context, ReadOnlyMemory<byte> bytes)
    {
        for (var at = 0; at < bytes.Length; at += PieceBytes)
        {
            context.Response.BodyWriter.Write(bytes.Span.Slice(at, Math.Min(PieceBytes, bytes.Length - at)));
            if (!await FlushAsync(context)) return false;
        }

        return true;
    }

    /// <summary>The end of a stream that is whole.</summary>
    public async Task EndWholeAsync(HttpContext context)
    {
        context.Response.BodyWriter.Write("data: [DONE]\n\n"u8);
        if (!await FlushAsync(context)) context.Abort();
    }

    /// <summary>An error as the last event of a stream whose head is out: no <c>[DONE]</c> follows.</summary>
    public async Task EndStreamAsync(HttpContext context, InferenceError error)
    {
        error.WriteEvent(context.Response.BodyWriter);
        if (!await FlushAsync(context)) context.Abort();
    }

    /// <summary>
    /// The same after a bug, which may have struck anywhere: only where all that was written has been sent, so that no half
    /// event stands before it.
    /// </summary>
    /// <returns>False when the client has not got it.</returns>
    public async Task<bool> TryEndStreamAsync(HttpContext context, InferenceError error)
    {
        if (context.Response.ContentType is not StreamHead.ContentType || context.Response.BodyWriter is not { CanGetUnflushedBytes: true, UnflushedBytes: 0 } writer)
        {
            return false;
        }

        try
        {
            error.WriteEvent(writer);
            return await FlushAsync(context);
        }
        catch (Exception broken) when (broken is InvalidOperationException or IOException)
        {
            return false; // the answer was complete, or the connection is gone
        }
    }

    private static bool IsThere(HttpContext context, bool isCompleted) =>
        !isCompleted && !context.RequestAborted.IsCancellationRequested;
}
