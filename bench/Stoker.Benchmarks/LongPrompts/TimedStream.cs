using System.Diagnostics;
using Stoker.Engine;

namespace Stoker.Benchmarks.LongPrompts;

/// <summary>One running answer, with the time of each of its tokens.</summary>
internal sealed class TimedStream : IAsyncDisposable
{
    private readonly Generation _generation;
    private readonly Lock _lock = new();
    private readonly List<long> _times = []; // under the lock
    private readonly Task _reading;
    private (int Tokens, TaskCompletionSource Reached)? _awaited; // under the lock

    public TimedStream(Generation generation)
    {
        _generation = generation;
        _reading = ReadAsync();
    }

    public int Count
    {
        get { lock (_lock) return _times.Count; }
    }

    /// <summary>Until so many tokens are there.</summary>
    public Task ReachAsync(int tokens)
    {
        lock (_lock)
        {
            if (_times.Count >= tokens) return Task.CompletedTask;
            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _awaited = (tokens, reached);
            return reached.Task;
        }
    }

    /// <summary>Tokens in a span of time, and the milliseconds between two of them where the second is in it.</summary>
    public (int Tokens, double[] Gaps) Between(long from, long to)
    {
        lock (_lock)
        {
            var gaps = new List<double>();
            for (var index = 1; index < _times.Count; index++)
            {
                if (_times[index] > from && _times[index] <= to) gaps.Add(Stopwatch.GetElapsedTime(_times[index - 1], _times[index]).TotalMilliseconds);
            }

            return (gaps.Count, [.. gaps]);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _generation.DisposeAsync(); // cancels it
        await _reading;
    }

    private async Task ReadAsync()
    {
        await foreach (var item in _generation)
        {
            var now = Stopwatch.GetTimestamp();
            lock (_lock)
            {
                for (var token = 0; token < item.Tokens.Count; token++) _times.Add(now);
                if (_awaited is not { } awaited || _times.Count < awaited.Tokens) continue;
                awaited.Reached.SetResult();
                _awaited = null;
            }
        }

        lock (_lock) _awaited?.Reached.TrySetException(new BenchFailedException("an answer ended before the prompt beside it"));
    }
}
