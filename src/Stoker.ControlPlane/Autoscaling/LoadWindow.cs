namespace Stoker.ControlPlane.Autoscaling;

/// <summary>
/// The load of one deployment over the last seconds: as many of them as the longest window, and the idle time counted
/// beyond.
/// </summary>
/// <remarks>
/// Only seconds that were seen are kept. A gap of up to <see cref="LongestBridgedGap"/>, such as a restart of the
/// server, breaks the up window and stretches the others: its time counts for nothing. After a longer gap all begins
/// anew, for a window that is empty is not an idle one. For one thread at a time.
/// </remarks>
public sealed partial class LoadWindow
{
    /// <summary>
    /// Replicas without an owner end themselves after a minute: what was true before a longer gap says little about
    /// what is there after it.
    /// </summary>
    public static readonly TimeSpan LongestBridgedGap = TimeSpan.FromMinutes(1);

    private Second[] _ring;
    private int _next;
    private int _count;
    private long _last = long.MinValue;
    private long _unbroken;
    private long _settled;
    private long _idle;
    private int _empty; // newest kept seconds in a row in which nothing at all was seen

    public LoadWindow(TimeSpan length) => _ring = new Second[Seconds(length)];

    /// <summary>Knows nothing and never will; stands in where no load was seen yet.</summary>
    public static LoadWindow Nothing { get; } = new(TimeSpan.Zero);

    /// <summary>How many seconds it can hold.</summary>
    public TimeSpan Length => TimeSpan.FromSeconds(_ring.Length);

    /// <summary>The last second that it has, on the clock of whoever adds; null when it has none.</summary>
    public long? LastSecond => _last == long.MinValue ? null : _last;

    /// <summary>Seen seconds since all began anew.</summary>
    public TimeSpan Settled => TimeSpan.FromSeconds(_settled);

    /// <summary>Seen seconds in a row, up to the last, without any load, since all began anew.</summary>
    public TimeSpan Idle => TimeSpan.FromSeconds(Math.Min(_idle, _settled));

    /// <summary>
    /// Grows with every change but one: a second in which nothing at all was seen, right after the last one. While it
    /// stays, only such seconds were added.
    /// </summary>
    public long Edits { get; private set; }

    /// <summary>
    /// Nothing at all was seen for as long as is kept: another second of that asks for no other count, but by <see
    /// cref="Idle"/>. A gap makes no difference: what was sustained once it is over is nothing.
    /// </summary>
    public bool IsAtRest => _empty >= _ring.Length && _settled >= _ring.Length;

    /// <param name="second">The second on a clock that no step moves; it must be later than the last one.</param>
    public void Add(long second, in LoadBucket bucket)
    {
        if (ReferenceEquals(this, Nothing)) throw new InvalidOperationException("The window that stands for none takes no load");
        if (_last != long.MinValue)
        {
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(second, _last);
            var missing = second - _last - 1;
            if (missing > LongestBridgedGap.TotalSeconds) Clear();
            else if (missing > 0) _unbroken = 0;
        }

        if (second - 1 != _last || bucket != default) Edits++;
        Push(Second.Of(bucket));
        _last = second;
        _unbroken++;
        _settled++;
        _idle = bucket.IsIdle ? _idle + 1 : 0;
    }

    /// <summary>As if each second after the last one, up to this one, was added with nothing seen in it.</summary>
    /// <returns>False when there is no last second, or more time than any server runs: then nothing was added.</returns>
    public bool TryAddEmpty(long upTo)
    {
        var seconds = upTo - _last;
        if (_last == long.MinValue || seconds is < 0 or > LongestCount) return false;
        for (var left = Math.Min(seconds, _ring.Length); left > 0; left--) Push(default);
        (_last, _unbroken, _settled, _idle) = (upTo, _unbroken + seconds, _settled + seconds, _idle + seconds);
        return true;
    }

    /// <summary>
    /// What was before no longer argues for another count: somebody has just said what it should be, or the replicas
    /// are new.
    /// </summary>
    public void BeginAnew()
    {
        if (_settled == 0) return;
        _settled = 0;
        Edits++;
    }

    /// <summary>For other windows than it was made for. The newest seconds stay.</summary>
    public void Resize(TimeSpan length)
    {
        var size = Seconds(length);
        if (size == _ring.Length) return;
        var kept = Math.Min(_count, size);
        var ring = new Second[size];
        for (var i = 0; i < kept; i++) ring[i] = At(kept - i);
        (_ring, _count, _next, _empty) = (ring, kept, kept % size, Math.Min(_empty, kept));
        Edits++;
    }

    /// <summary>
    /// What lasted over the whole window: the lowest load of its seconds, and the mean rates. False unless every second
    /// of it was seen.
    /// </summary>
    public bool TrySustained(TimeSpan window, out LoadMeasure measure)
    {
        measure = default;
        var length = Seconds(window);
        if (length > _count || length > _unbroken || length > _settled) return false;

        var lowest = double.MaxValue;
        long requests = 0, prompt = 0, generated = 0;
        for (var ago = length; ago >= 1; ago--)
        {
            ref readonly var second = ref At(ago);
            lowest = Math.Min(lowest, second.Mean);
            requests += second.Requests;
            prompt += second.PromptTokens;
            generated += second.GeneratedTokens;
        }

        measure = new(lowest, (double)requests / length, (double)prompt / length, (double)generated / length);
        return true;
    }

    /// <summary>
    /// The highest over the window: of the load second by second, of the rates as means over <paramref
    /// name="smoothing"/>. False unless as many seconds were seen.
    /// </summary>
    /// <param name="rates">Whether the rates are wanted; they cost a second pass.</param>
    public bool TryHighest(TimeSpan window, TimeSpan smoothing, bool rates, out LoadMeasure measure)
    {
        measure = default;
        var length = Seconds(window);
        if (length > _count || length > _settled) return false;

        var highest = 0.0;
        for (var ago = length; ago >= 1; ago--) highest = Math.Max(highest, At(ago).Mean);
        measure = rates ? HighestRates(length, Seconds(smoothing)) with { Concurrent = highest } : new(highest, 0, 0, 0);
        return true;
    }

    private void Push(in Second second)
    {
        _ring[_next] = second;
        _next = (_next + 1) % _ring.Length;
        _count = Math.Min(_count + 1, _ring.Length);
        _empty = second == default ? Math.Min(_empty + 1, _count) : 0;
    }

    private LoadMeasure HighestRates(int length, int smoothing)
    {
        var highest = default(LoadMeasure);
        long requests = 0, prompt = 0, generated = 0;
        var first = Math.Min(_count, length + smoothing - 1);
        for (var ago = first; ago >= 1; ago--)
        {
            ref readonly var second = ref At(ago);
            requests += second.Requests;
            prompt += second.PromptTokens;
            generated += second.GeneratedTokens;
            if (ago + smoothing <= first)
            {
                ref readonly var left = ref At(ago + smoothing);
                requests -= left.Requests;
                prompt -= left.PromptTokens;
                generated -= left.GeneratedTokens;
            }

            if (ago > length) continue;
            double width = Math.Min(smoothing, first - ago + 1);
            highest = new(
                0,
                Math.Max(highest.RequestsPerSecond, requests / width),
                Math.Max(highest.PromptTokensPerSecond, prompt / width),
                Math.Max(highest.GeneratedTokensPerSecond, generated / width));
        }

        return highest;
    }

    /// <summary>A window of less than a second would have nothing to look at.</summary>
    private static int Seconds(TimeSpan window) => Math.Max(1, (int)Math.Ceiling(window.TotalSeconds));

    /// <param name="ago">1 is the last second.</param>
    private ref readonly Second At(int ago)
    {
        var index = _next - ago;
        return ref _ring[index < 0 ? index + _ring.Length : index];
    }

    private void Clear() => (_next, _count, _unbroken, _settled, _idle, _empty) = (0, 0, 0, 0, 0, 0);

    /// <summary>20 bytes each: a thousand deployments with windows of ten minutes are 12 MB.</summary>
    private readonly record struct Second(float Mean, int Highest, int Requests, int PromptTokens, int GeneratedTokens)
    {
        public static Second Of(in LoadBucket bucket) => new(
            (float)bucket.Mean, bucket.Highest, Bounded(bucket.Requests), Bounded(bucket.PromptTokens), Bounded(bucket.GeneratedTokens));

        private static int Bounded(long count) => (int)Math.Clamp(count, 0, int.MaxValue);
    }
}
