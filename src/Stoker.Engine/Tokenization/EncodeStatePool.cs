using System.Collections.Concurrent;

namespace Stoker.Engine.Tokenization;

/// <summary>
/// Encode states that wait for their next use, at most one per processor: each holds a piece cache of 1 MiB.
/// </summary>
internal sealed class EncodeStatePool(int transformingSteps)
{
    private readonly ConcurrentBag<EncodeState> _idle = [];

    public EncodeState Rent() => _idle.TryTake(out var state) ? state : new EncodeState(transformingSteps);

    public void Return(EncodeState state)
    {
        state.Clear();
        if (_idle.Count < Environment.ProcessorCount) _idle.Add(state);
    }
}
