using System.Buffers;
using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Stoker.ControlPlane.Gateway;

/// <summary>Passes on answers that are not streams: read whole first, so that a replica that dies halfway becomes a proper error.</summary>
internal sealed class AnswerRelay(IOptions<GatewayOptions> options)
{
    // An error is a message; a replica that sends megabytes of it is broken.
    private const int MaxErrorBytes = 64 << 10;

    private const string PromptTokens = "fireworks-prompt-tokens";
    private const string CachedPromptTokens = "fireworks-cached-prompt-tokens";
    private const string ProcessingTime = "fireworks-server-processing-time";

    /// <summary>A finished answer, with the client's name of the model in it.</summary>
    /// <returns>The error to answer with instead, or null when the client has the answer.</returns>
    public async Task<InferenceError?> PassAnswerAsync(HttpContext context, HttpResponseMessage upstream, PhaseTimeout phase, byte[] asked, Func<TimeSpan> elapsed)
    {
        using var body = new AnswerBuffer();
        if (await body.ReadAsync(upstream, phase, options.Value.GapTimeout, options.Value.MaxAnswerBytes) is { } error) return error;
        if (AnswerScan.Run(body.Bytes.Span) is not { } answer) return RouteErrors.BrokeOff;
        var (before, name, after) = answer.ModelStart < 0
            ? (body.Bytes, ReadOnlyMemory<byte>.Empty, ReadOnlyMemory<byte>.Empty)
            : (body.Bytes[..answer.ModelStart], asked.AsMemory(), body.Bytes[answer.ModelEnd..]);

        var response = context.Response;
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = "application/json";
        response.ContentLength = (long)before.Length + name.Length + after.Length;
        SetUsage(response.Headers, answer, elapsed());
        await response.BodyWriter.WriteAsync(before, context.RequestAborted);
        await response.BodyWriter.WriteAsync(name, context.RequestAborted);
        await response.BodyWriter.WriteAsync(after, context.RequestAborted);
        return null;
    }

    /// <summary>A replica's refusal. Its status and body are the client's when they are an error of this surface and about the request.</summary>
    public async Task<InferenceError?> PassErrorAsync(HttpContext context, HttpResponseMessage upstream, PhaseTimeout phase)
    {
        var status = (int)upstream.StatusCode;
        // 401 and the like would be about the gateway's standing with the replica, which is none of the client's business.
        if (status is < 400 or 401 or 403 or 407) return RouteErrors.BrokeOff;
        using var body = new AnswerBuffer();
        if (await body.ReadAsync(upstream, phase, options.Value.GapTimeout, MaxErrorBytes) is not null) return RouteErrors.BrokeOff;
        if (!AnswerScan.IsError(body.Bytes.Span)) return RouteErrors.BrokeOff;

        var response = context.Response;
        response.StatusCode = status;
        response.ContentType = "application/json";
        response.ContentLength = body.Bytes.Length;
        if (upstream.Headers.RetryAfter is { } retryAfter) response.Headers.RetryAfter = retryAfter.ToString();
        await response.BodyWriter.WriteAsync(body.Bytes, context.RequestAborted);
        return null;
    }

    private static void SetUsage(IHeaderDictionary headers, ScannedAnswer answer, TimeSpan elapsed)
    {
        if (answer.PromptTokens is { } prompt) headers[PromptTokens] = prompt.ToString(CultureInfo.InvariantCulture);
        if (answer.CachedTokens is { } cached) headers[CachedPromptTokens] = cached.ToString(CultureInfo.InvariantCulture);
        headers[ProcessingTime] = elapsed.TotalSeconds.ToString("0.000", CultureInfo.InvariantCulture);
    }
}

/// <summary>An answer's bytes in one rented buffer, which is wiped before others get it.</summary>
internal sealed class AnswerBuffer : IDisposable
{
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(16 << 10);
    private int _length;

    public ReadOnlyMemory<byte> Bytes => _buffer.AsMemory(0, _length);

    /// <returns>Null when the whole answer is there.</returns>
    public async Task<InferenceError?> ReadAsync(HttpResponseMessage upstream, PhaseTimeout phase, TimeSpan gap, int limitBytes)
    {
        try
        {
            await using var stream = await upstream.Content.ReadAsStreamAsync(phase.Token);
            while (true)
            {
                if (_length == _buffer.Length) Grow();
                phase.Begin(gap);
                var read = await stream.ReadAsync(_buffer.AsMemory(_length), phase.Token);
                if (read == 0) return null;
                _length += read;
                if (_length > limitBytes) return RouteErrors.AnswerTooLarge;
            }
        }
        catch (Exception error) when (error is IOException or HttpRequestException)
        {
            return RouteErrors.BrokeOff;
        }
        catch (OperationCanceledException) when (phase.TimedOut)
        {
            return RouteErrors.TooSlow;
        }
    }

    public void Dispose()
    {
        _buffer.AsSpan(0, _length).Clear();
        ArrayPool<byte>.Shared.Return(_buffer);
        (_buffer, _length) = ([], 0);
    }

    private void Grow()
    {
        var larger = ArrayPool<byte>.Shared.Rent(_buffer.Length * 2);
        Bytes.Span.CopyTo(larger);
        _buffer.AsSpan(0, _length).Clear();
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}
