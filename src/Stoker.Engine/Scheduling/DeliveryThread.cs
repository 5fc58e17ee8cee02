namespace Stoker.Engine.Scheduling;

/// <summary>
/// Hands what the loop tells to the <see cref="DeliveryDesk"/> on a thread of its own, in order, while the next step
/// computes.
/// </summary>
/// <remarks>
/// A ring with one writer, the loop, and one reader, this thread. The loop announces a step's items with
/// one <see cref="Flush"/>, so a step costs one wake-up at most. The desk waits for nobody, so a full ring empties by itself:
/// then the loop waits for it, which bounds what lies between the two.
/// </remarks>
internal sealed class DeliveryThread : IDisposable
{
    /// <summary>Some steps of the largest batch; each item is a hundred bytes.</summary>
    private const int Capacity = 4096;

    private readonly DeliveryDesk _desk;
    private readonly Thread _thread;
    private readonly Delivery[] _ring = new Delivery[Capacity];
    private readonly AutoResetEvent _filled = new(false), _emptied = new(false);
    private long _posted; // written by the loop; visible to the thread after a flush
    private long _flushed, _handled;
    private int _readerSleeps, _writerSleeps;
    private volatile bool _closing;

    public DeliveryThread(DeliveryDesk desk)
    {
        _desk = desk;
        _thread = new(Run) { IsBackground = true, Name = "stoker-delivery" };
        _thread.Start();
    }

    public void Post(in Delivery item)
    {
        if (_posted - Volatile.Read(ref _handled) == Capacity) AwaitRoom();
        _ring[_posted++ % Capacity] = item;
    }

    /// <summary>What was posted may be handled.</summary>
    public void Flush()
    {
        if (_flushed == _posted) return;
        Interlocked.Exchange(ref _flushed, _posted); // a full fence: a thread that falls asleep from here on sees it
        if (Interlocked.Exchange(ref _readerSleeps, 0) == 1) _filled.Set();
    }

    /// <summary>Handles what is there, and ends.</summary>
    public void Dispose()
    {
        Flush();
        _closing = true;
        _filled.Set();
        _thread.Join();
        _filled.Dispose();
        _emptied.Dispose();
    }

    private void Run()
    {
        for (var next = 0L; AwaitItem(next); next++)
        {
            ref var item = ref _ring[next % Capacity];
            _desk.Handle(item);
            item = default; // holds on to no request
            Interlocked.Exchange(ref _handled, next + 1);
            if (Interlocked.Exchange(ref _writerSleeps, 0) == 1) _emptied.Set();
        }
    }

    /// <summary>False when there is none and none will come.</summary>
    private bool AwaitItem(long next)
    {
        while (Volatile.Read(ref _flushed) == next)
        {
            if (_closing) return Volatile.Read(ref _flushed) != next; // flushed before it closed
            Interlocked.Exchange(ref _readerSleeps, 1);
            if (Volatile.Read(ref _flushed) == next && !_closing) _filled.WaitOne();
            Interlocked.Exchange(ref _readerSleeps, 0);
        }
        return true;
    }

    private void AwaitRoom()
    {
        Flush(); // or both would wait
        while (_posted - Volatile.Read(ref _handled) == Capacity)
        {
            Interlocked.Exchange(ref _writerSleeps, 1);
            if (_posted - Volatile.Read(ref _handled) == Capacity) _emptied.WaitOne();
            Interlocked.Exchange(ref _writerSleeps, 0);
        }
    }
}
