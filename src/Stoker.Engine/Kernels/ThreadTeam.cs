using System.Diagnostics;
using Stoker.Engine.Native;

namespace Stoker.Engine.Kernels;

/// <summary>A fixed team of threads for work that lasts microseconds: one job, called once on every thread.</summary>
/// <remarks>
/// A step has dozens of phases of 5 to 500 us; handing one to the thread pool costs more than ten. So workers spin for
/// <see cref="SpinMicroseconds"/> after a job, in which the next phase normally comes, and then park: an idle engine burns no
/// CPU, and the first phase of the next step pays one wake-up. Only one thread at a time may call <see cref="Run"/>.
/// </remarks>
internal sealed class ThreadTeam : IDisposable
{
    /// <summary>
    /// Longer than any gap between the phases of a step (the serial parts take 1 to 20 us), shorter than a time slice.
    /// </summary>
    private const int SpinMicroseconds = 50;

    /// <summary>Pauses between two looks at the clock or at the scheduler; some 64 x 40 cycles = under 1 us.</summary>
    private const int PausesPerCheck = 64;

    private readonly Worker[] _workers;
    private readonly IReadOnlyList<int>? _cores;
    private volatile Action<int, int>? _job;
    private volatile bool _stopping;
    private volatile Exception? _failure;
    private int _generation;
    private int _pending;

    /// <summary>
    /// Multiply-adds under which work stays on the caller's thread; 400,000 take some 15 us on one core. Measured with
    /// two threads on story-3m, whose largest matrix has 393,216 weights: decode of one sequence makes 3,900 tokens/s
    /// at a bound of 100,000, 5,100 at 250,000 and 7,300 at 400,000; eight sequences make 16,000 to 18,000 at each.
    /// </summary>
    public long MinimumWork { get; init; } = 400_000;

    /// <param name="threads">
    /// Threads in all, the caller's included; 0: as many as this process may use, by affinity mask and control group.
    /// </param>
    /// <param name="cores">One for each thread, which is bound to it; null: not bound.</param>
    public ThreadTeam(int threads = 0, IReadOnlyList<int>? cores = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        Count = threads > 0 ? threads : ProcessorAllowance.Read().Threads;
        if (cores is not null) ArgumentOutOfRangeException.ThrowIfNotEqual(cores.Count, Count, nameof(cores));
        _cores = cores;
        _workers = new Worker[Count - 1];
        for (var i = 0; i < _workers.Length; i++)
        {
            _workers[i] = new Worker(this, i + 1);
        }
    }

    /// <summary>Threads that take part, the caller's included.</summary>
    public int Count { get; }

    /// <summary>Whether every thread has a core of its own.</summary>
    public bool IsPinned => _cores is not null;

    /// <summary>
    /// Binds the calling thread to the first core, as the one that will call <see cref="Run"/>; nothing where the team
    /// is not pinned.
    /// </summary>
    public void PinCaller() => Pin(part: 0);

    /// <summary>Workers that wait in the kernel and use no CPU; all of them soon after the last job.</summary>
    public int ParkedCount => _workers.Count(worker => worker.IsParked);

    /// <summary>
    /// Calls job(part, parts) for every part and returns when all are done. Pass a cached delegate: nothing is
    /// allocated here.
    /// </summary>
    /// <exception cref="AggregateException">A part failed; the others have run to their end.</exception>
    public void Run(Action<int, int> job)
    {
        if (_workers.Length == 0)
        {
            job(0, 1);
            return;
        }

        _job = job;
        _failure = null;
        Volatile.Write(ref _pending, _workers.Length);
        Interlocked.Increment(ref _generation); // full fence: a worker that parks from here on sees the new generation
        foreach (var worker in _workers)
        {
            worker.WakeIfParked();
        }

        try
        {
            job(0, Count);
        }
        finally
        {
            AwaitWorkers(); // also when part 0 failed: the others still use the caller's buffers
        }

        if (_failure is { } failure)
        {
            throw new AggregateException("A part of a parallel job failed.", failure);
        }
    }

    public void Dispose()
    {
        _stopping = true;
        Interlocked.Increment(ref _generation);
        foreach (var worker in _workers)
        {
            worker.WakeIfParked();
            worker.Dispose();
        }
    }

    /// <summary>
    /// A core that was taken from the process since the plan was made leaves its thread unbound: slower, not wrong.
    /// </summary>
    private void Pin(int part)
    {
        if (_cores is not null) _ = ProcessorAffinity.TryPinCurrentThread(_cores[part]);
    }

    private void AwaitWorkers()
    {
        while (Volatile.Read(ref _pending) != 0)
        {
            Thread.SpinWait(PausesPerCheck);
            if (Volatile.Read(ref _pending) != 0)
            {
                Thread.Yield(); // with more threads than CPUs the worker may be waiting for this very CPU
            }
        }
    }

    private sealed class Worker : IDisposable
    {
        private static readonly long SpinTicks = Stopwatch.Frequency * SpinMicroseconds / 1_000_000;

        private readonly ThreadTeam _team;
        private readonly int _part;
        private readonly Thread _thread;
        private readonly AutoResetEvent _wake = new(false);
        private int _parked;

        public Worker(ThreadTeam team, int part)
        {
            (_team, _part) = (team, part);
            _thread = new Thread(Loop) { IsBackground = true, Name = $"stoker kernels {part}" };
            _thread.Start();
        }

        public bool IsParked => Volatile.Read(ref _parked) == 1;

        public void WakeIfParked()
        {
            if (Interlocked.Exchange(ref _parked, 0) == 1)
            {
                _wake.Set();
            }
        }

        /// <summary>Waits for the thread, which the team has told to stop.</summary>
        public void Dispose()
        {
            _thread.Join();
            _wake.Dispose();
        }

        private void Loop()
        {
            _team.Pin(_part);
            for (var seen = 0; ; seen++)
            {
                AwaitGenerationAfter(seen);
                if (_team._stopping)
                {
                    return;
                }

                try
                {
                    _team._job!(_part, _team.Count);
                }
                catch (Exception error)
                {
                    _team._failure = error; // the caller throws it; a worker thread must not end the process
                }

                Interlocked.Decrement(ref _team._pending);
            }
        }

        private void AwaitGenerationAfter(int seen)
        {
            var deadline = Stopwatch.GetTimestamp() + SpinTicks;
            while (Volatile.Read(ref _team._generation) == seen)
            {
                Thread.SpinWait(PausesPerCheck);
                if (Stopwatch.GetTimestamp() > deadline)
                {
                    Park(seen);
                }
            }
        }

        /// <summary>
        /// Announces itself as parked, looks once more, and sleeps. Either this look sees a job that came meanwhile, or
        /// the caller's look sees the announcement: both have a full fence between their write and their look.
        /// </summary>
        private void Park(int seen)
        {
            Interlocked.Exchange(ref _parked, 1);
            if (Volatile.Read(ref _team._generation) != seen && Interlocked.Exchange(ref _parked, 0) == 1)
            {
                return; // nobody has set the event for us
            }

            _wake.WaitOne();
        }
    }
}
