using System.Buffers;
using Microsoft.AspNetCore.Http;
using Stoker.Api.Replicas;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Gateway;

/// <summary>How a stream ended.</summary>
internal enum StreamEnd
{
    /// <summary>With <c>[DONE]</c>.</summary>
    Complete,

    /// <summary>With an error event of the replica's own, which the client has.</summary>
    ReplicaError,

    /// <summary>With an error event that its engine failed; the client does not have it, since another replica may go on.</summary>
    EngineFailed,

    /// <summary>The replica died, or ended without <c>[DONE]</c>.</summary>
    BrokeOff,
    TooSlow,
    EventTooLarge,
    ClientGone,
    SlowReader,
}

/// <summary>
/// Passes a replica's events on, each with a flush of its own, with the client's name of the model in them.
/// </summary>
/// <remarks>
/// The head of the answer goes out with the first event: a replica that fails before it still gets the client a proper
/// status. One event at a time is held; a client that reads slowly stops the reading here, and by that the replica's
/// writing, until its time is up.
/// </remarks>
internal sealed class EventRelay(
    Exchange exchange, Stream upstream, ClientWriter client, PhaseTimeout phase, GatewayOptions options, byte[] served, byte[] asked)
{
    private const int FirstBytes = 16 << 10;

    private readonly HttpContext _context = exchange.Context;
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(FirstBytes);
    private int _start; // of the first event not passed on
    private int _end; // of what has been read
    private int _searched; // from _start: no event ends before it

    public async Task<StreamEnd> RunAsync()
    {
        try
        {
            while (true)
            {
                if (await PassOnAsync() is { } ended) return ended;
                if (!MakeRoom()) return StreamEnd.EventTooLarge;
                if (await ReadAsync()) continue;
                return phase.ClientGone ? StreamEnd.ClientGone : phase.TimedOut ? StreamEnd.TooSlow : StreamEnd.BrokeOff;
            }
        }
        finally
        {
            _buffer.AsSpan(0, _end).Clear();
            ArrayPool<byte>.Shared.Return(_buffer);
        }
    }

    /// <summary>Passes on every whole event; tells the end when one of them was the last.</summary>
    private async ValueTask<StreamEnd?> PassOnAsync()
    {
        while (SseFrames.FindEnd(_buffer.AsSpan(_start, _end - _start), _searched) is var length && length >= 0)
        {
            var whole = _buffer.AsMemory(_start, length);
            (_start, _searched) = (_start + length, 0);
            var mark = SseFrames.Mark(whole.Span).Length;
            var frame = whole[mark..];
            if (SseFrames.Drafts(frame.Span) is { Length: > 0 } drafts)
            {
                exchange.Usage.NoteDrafts(drafts);
                frame = frame[(ReplicaProtocol.DraftsMark.Length + drafts.Length)..];
            }

            var (isError, isDone) = (SseFrames.IsError(frame.Span), SseFrames.IsDone(frame.Span));
            if (isError && exchange.Progress is { HasBegun: true, CanGoOn: true } && SseFrames.IsEngineFailure(frame.Span)) return StreamEnd.EngineFailed;
            if (!_context.Response.HasStarted) StreamHead.Set(_context); // a held one has sent it
            exchange.Usage.Note(frame.Span);
            if (isDone) await exchange.Meter.FinishedAsync();
            else if (isError) await exchange.Meter.EndAsync(RequestStatus.Failed, "REPLICA_ERROR");
            Write(frame.Span);
            if (!await client.FlushAsync(_context))
            {
                return phase.ClientGone ? StreamEnd.ClientGone : StreamEnd.SlowReader;
            }

            if (isDone) return StreamEnd.Complete;
            if (isError) return StreamEnd.ReplicaError;
            exchange.Progress.Passed(whole.Span[..mark]);
        }

        _searched = _end - _start;
        return null;
    }

    private void Write(ReadOnlySpan<byte> frame)
    {
        var writer = _context.Response.BodyWriter;
        var (nameStart, nameEnd) = ModelNames.Find(frame, served);
        if (nameStart < 0)
        {
            writer.Write(frame);
            return;
        }

        writer.Write(frame[..nameStart]);
        writer.Write(asked);
        writer.Write(frame[nameEnd..]);
    }

    private bool MakeRoom()
    {
        if (_end < _buffer.Length) return true;
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
            return true;
        }

        if (_buffer.Length >= options.MaxEventBytes) return false;
        var larger = ArrayPool<byte>.Shared.Rent(Math.Min(_buffer.Length * 2, options.MaxEventBytes));
        _buffer.AsSpan(0, _end).CopyTo(larger);
        _buffer.AsSpan(0, _end).Clear();
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
        return true;
    }

    /// <returns>False when nothing more comes, for whatever cause.</returns>
    private async ValueTask<bool> ReadAsync()
    {
        if (_start == _end) (_start, _end) = (0, 0);
        phase.Begin(options.GapTimeout);
        try
        {
            var read = await upstream.ReadAsync(_buffer.AsMemory(_end), phase.Token);
            phase.Pause(); // passing on is the client's time, not the replica's
            _end += read;
            return read > 0;
        }
        catch (Exception error) when (error is IOException or OperationCanceledException or HttpRequestException)
        {
            return false;
        }
    }
}
