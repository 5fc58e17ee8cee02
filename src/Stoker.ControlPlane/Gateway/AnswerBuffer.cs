using System.Buffers;

namespace Stoker.ControlPlane.Gateway;

/// <summary>An answer's bytes in one rented buffer, which is wiped before others get it.</summary>
internal sealed class AnswerBuffer(BodyBudget budget) : IDisposable
{
    private const int FirstBytes = 16 << 10;

    private byte[] _buffer = [];
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
                if (_length == _buffer.Length && !TryGrow()) return RequestBody.Busy;
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
        Return();
        (_buffer, _length) = ([], 0);
    }

    private bool TryGrow()
    {
        var size = Math.Max(_buffer.Length * 2, FirstBytes);
        if (!budget.TryTake(size)) return false;
        var larger = ArrayPool<byte>.Shared.Rent(size);
        budget.Adjust(larger.Length - size); // the pool rounds up
        Bytes.Span.CopyTo(larger);
        Return();
        _buffer = larger;
        return true;
    }

    private void Return()
    {
        if (_buffer.Length == 0) return;
        _buffer.AsSpan(0, _length).Clear();
        ArrayPool<byte>.Shared.Return(_buffer);
        budget.Adjust(-_buffer.Length);
    }
}
