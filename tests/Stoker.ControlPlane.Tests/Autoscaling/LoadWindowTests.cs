using FsCheck;
using FsCheck.Fluent;
using Stoker.ControlPlane.Autoscaling;

namespace Stoker.ControlPlane.Tests.Autoscaling;

public class LoadWindowTests
{
    private static readonly int[] Lengths = [1, 7, 30];

    [Fact]
    public void It_answers_as_a_plain_list_of_seconds_does() => Prop.ForAll(Histories().ToArbitrary(), history =>
    {
        var (window, plain) = (new LoadWindow(TimeSpan.FromSeconds(40)), new PlainWindow(40));
        foreach (var (gap, bucket) in history)
        {
            plain.Add(gap, bucket);
            window.Add((window.LastSecond ?? 0) + gap + 1, bucket);
            foreach (var length in Lengths) Compare(window, plain, length, smoothing: 5);
        }

        return true;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void What_is_read_back_answers_the_same() => Prop.ForAll(Histories().ToArbitrary(), history =>
    {
        var window = Filled(history);
        var read = LoadWindow.Read(window.Write(), window.Length, window.LastSecond ?? 0).ShouldNotBeNull();
        (read.Idle, read.Settled).ShouldBe((window.Idle, window.Settled));
        foreach (var length in Lengths.Append(40))
        {
            var span = TimeSpan.FromSeconds(length);
            (read.TrySustained(span, out var a), a).ShouldBe((window.TrySustained(span, out var b), b));
            (read.TryHighest(span, span, true, out var c), c).ShouldBe((window.TryHighest(span, span, true, out var d), d));
        }

        return true;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Time_in_which_nothing_was_seen_is_the_same_added_at_once_or_second_by_second() =>
        Prop.ForAll(Histories().Where(history => history.Length > 0).ToArbitrary(), Gen.Choose(0, 100).ToArbitrary(), (history, seconds) =>
        {
            var (once, each) = (Filled(history), Filled(history));
            var (last, edits) = (each.LastSecond!.Value, each.Edits);
            once.TryAddEmpty(last + seconds).ShouldBeTrue();
            for (var second = last + 1; second <= last + seconds; second++) each.Add(second, LoadBucket.Steady(0));
            once.Write().ShouldBe(each.Write());
            (once.LastSecond, once.IsAtRest, each.Edits).ShouldBe((each.LastSecond, each.IsAtRest, edits));
            return true;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void While_its_edits_stay_a_window_is_what_it_was_and_empty_seconds() => Prop.ForAll(Histories().ToArbitrary(), history =>
    {
        var (window, kept) = (new LoadWindow(TimeSpan.FromSeconds(40)), new LoadWindow(TimeSpan.FromSeconds(40)));
        var edits = -1L;
        foreach (var (gap, bucket) in history)
        {
            window.Add((window.LastSecond ?? 0) + gap + 1, bucket);
            if (window.Edits != edits) kept = LoadWindow.Read(window.Write(), window.Length, window.LastSecond!.Value)!;
            else kept.TryAddEmpty(window.LastSecond!.Value).ShouldBeTrue();
            edits = window.Edits;
            kept.Write().ShouldBe(window.Write());
            kept.IsAtRest.ShouldBe(window.IsAtRest);
        }

        return true;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_window_that_begins_anew_or_gets_another_length_is_edited_and_not_at_rest()
    {
        var window = new LoadWindow(TimeSpan.FromSeconds(10));
        for (var second = 1; second <= 10; second++) window.Add(second, LoadBucket.Steady(0));
        window.IsAtRest.ShouldBeTrue();
        var edits = window.Edits;
        window.Resize(TimeSpan.FromSeconds(12));
        window.IsAtRest.ShouldBeFalse();
        window.Edits.ShouldBe(++edits);
        window.TryAddEmpty(12).ShouldBeTrue();
        window.IsAtRest.ShouldBeTrue();
        window.BeginAnew();
        window.IsAtRest.ShouldBeFalse();
        window.Edits.ShouldBe(++edits);
        window.BeginAnew(); // it is new already
        window.Edits.ShouldBe(edits);
    }

    [Fact]
    public void A_window_without_a_second_or_with_an_end_before_it_takes_no_empty_time()
    {
        new LoadWindow(TimeSpan.FromSeconds(10)).TryAddEmpty(5).ShouldBeFalse();
        var window = new LoadWindow(TimeSpan.FromSeconds(10));
        window.Add(5, LoadBucket.Steady(1));
        window.TryAddEmpty(4).ShouldBeFalse();
        window.TryAddEmpty(long.MaxValue - 1).ShouldBeFalse();
        (window.LastSecond, window.Idle).ShouldBe((5, TimeSpan.Zero));
    }

    [Fact]
    public void Any_bytes_are_read_or_refused_and_never_break_it() => Prop.ForAll(Histories().ToArbitrary(), Gen.Choose(0, 10_000).ToArbitrary(), (history, at) =>
    {
        var bytes = Filled(history).Write();
        bytes[at % bytes.Length] ^= 0xFF;
        LoadWindow.Read(bytes, TimeSpan.FromSeconds(40), 0)?.Add(1, LoadBucket.Steady(1));
        LoadWindow.Read(bytes.AsSpan(0, at % bytes.Length), TimeSpan.FromSeconds(40), 0)?.Add(1, LoadBucket.Steady(1));
        return true;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Idle_hours_are_a_few_bytes()
    {
        var window = new LoadWindow(TimeSpan.FromHours(1));
        for (var second = 0; second < 5_000; second++) window.Add(second, LoadBucket.Steady(0));
        window.Write().Length.ShouldBeLessThan(64);
        window.Idle.ShouldBe(TimeSpan.FromSeconds(5_000)); // counted beyond what is kept
    }

    [Fact]
    public void Another_length_keeps_the_newest_seconds()
    {
        var window = new LoadWindow(TimeSpan.FromSeconds(10));
        for (var second = 1; second <= 12; second++) window.Add(second, LoadBucket.Steady(second));
        window.Resize(TimeSpan.FromSeconds(4));
        window.TrySustained(TimeSpan.FromSeconds(4), out var newest).ShouldBeTrue();
        newest.Concurrent.ShouldBe(9);
        window.Resize(TimeSpan.FromSeconds(20));
        window.TrySustained(TimeSpan.FromSeconds(5), out _).ShouldBeFalse(); // the fifth is gone
        window.Add(13, LoadBucket.Steady(2));
        window.TrySustained(TimeSpan.FromSeconds(5), out var longer).ShouldBeTrue();
        longer.Concurrent.ShouldBe(2);
    }

    [Fact]
    public void Means_begin_anew_where_all_does()
    {
        var window = new LoadWindow(TimeSpan.FromSeconds(40));
        for (var second = 1; second <= 20; second++) window.Add(second, LoadBucket.Steady(50));
        window.BeginAnew();
        for (var second = 21; second <= 25; second++) window.Add(second, LoadBucket.Steady(10));
        window.TryMeans(TimeSpan.FromSeconds(6), TimeSpan.FromSeconds(6), unbroken: false, out _).ShouldBeFalse();
        window.TryMeans(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(6), unbroken: true, out var means).ShouldBeTrue();
        means.ShouldBe(new(10, 10, 10));
    }

    [Fact]
    public void Time_does_not_run_backwards()
    {
        var window = new LoadWindow(TimeSpan.FromSeconds(10));
        window.Add(5, LoadBucket.Steady(1));
        Should.Throw<ArgumentOutOfRangeException>(() => window.Add(5, LoadBucket.Steady(1)));
        Should.Throw<ArgumentOutOfRangeException>(() => window.Add(4, LoadBucket.Steady(1)));
    }

    [Fact]
    public void The_window_that_stands_for_none_takes_no_load() =>
        Should.Throw<InvalidOperationException>(() => LoadWindow.Nothing.Add(1, LoadBucket.Steady(1)));

    private static LoadWindow Filled((int Gap, LoadBucket Bucket)[] history)
    {
        var window = new LoadWindow(TimeSpan.FromSeconds(40));
        foreach (var (gap, bucket) in history) window.Add((window.LastSecond ?? 0) + gap + 1, bucket);
        return window;
    }

    private static void Compare(LoadWindow window, PlainWindow plain, int length, int smoothing)
    {
        var (span, smooth) = (TimeSpan.FromSeconds(length), TimeSpan.FromSeconds(smoothing));
        window.TrySustained(span, out var sustained).ShouldBe(plain.Sustained(length) is not null);
        if (plain.Sustained(length) is { } lasted) ShouldBeClose(sustained, lasted);
        window.TryHighest(span, smooth, rates: true, out var highest).ShouldBe(plain.Highest(length, smoothing) is not null);
        if (plain.Highest(length, smoothing) is { } most) ShouldBeClose(highest, most);
        foreach (var unbroken in new[] { true, false })
        {
            window.TryMeans(span, smooth, unbroken, out var means).ShouldBe(plain.Means(length, smoothing, unbroken) is not null);
            if (plain.Means(length, smoothing, unbroken) is not { } smoothed) continue;
            means.Lowest.ShouldBe(smoothed.Lowest, 1e-6);
            means.Highest.ShouldBe(smoothed.Highest, 1e-6);
            means.Average.ShouldBe(smoothed.Average, 1e-6);
        }

        window.HighestLasting(span, smooth).ShouldBe(plain.HighestLasting(length, smoothing));
        window.Idle.ShouldBe(TimeSpan.FromSeconds(plain.Idle));
    }

    private static void ShouldBeClose(LoadMeasure left, LoadMeasure right)
    {
        left.Concurrent.ShouldBe(right.Concurrent, 1e-6);
        left.RequestsPerSecond.ShouldBe(right.RequestsPerSecond, 1e-6);
        left.PromptTokensPerSecond.ShouldBe(right.PromptTokensPerSecond, 1e-6);
        left.GeneratedTokensPerSecond.ShouldBe(right.GeneratedTokensPerSecond, 1e-6);
    }

    private static Gen<(int Gap, LoadBucket Bucket)[]> Histories() => Gen.ArrayOf(
        from gap in Gen.Frequency((30, Gen.Constant(0)), (2, Gen.Choose(1, 60)), (1, Gen.Choose(61, 200)))
        from load in Gen.Frequency((1, Gen.Constant(0)), (2, Gen.Choose(0, 50)))
        from requests in Gen.Choose(0, 5)
        from tokens in Gen.Choose(0, 1_000)
        select (gap, new LoadBucket(load, load, load, load == 0 ? 0 : requests, tokens, 2 * tokens))).Resize(120);

    /// <summary>The plain slow version: every second that was seen, in a list.</summary>
    private sealed class PlainWindow(int capacity)
    {
        private readonly List<(bool AfterGap, LoadBucket Bucket)> _seen = [];

        public int Idle => _seen.AsEnumerable().Reverse().TakeWhile(second => second.Bucket.IsIdle).Count();

        public void Add(int gap, LoadBucket bucket)
        {
            if (gap > 60 && _seen.Count > 0) _seen.Clear();
            _seen.Add((gap > 0 && _seen.Count > 0, bucket));
        }

        public LoadMeasure? Sustained(int length)
        {
            if (_seen.Count < length || length > capacity) return null;
            var last = _seen.TakeLast(length).ToList();
            if (last.Skip(1).Any(second => second.AfterGap)) return null;
            return new(
                last.Min(second => second.Bucket.Mean),
                last.Average(second => (double)second.Bucket.Requests),
                last.Average(second => (double)second.Bucket.PromptTokens),
                last.Average(second => (double)second.Bucket.GeneratedTokens));
        }

        public LoadMeasure? Highest(int length, int smoothing)
        {
            if (_seen.Count < length || length > capacity) return null;
            var kept = _seen.TakeLast(Math.Min(capacity, length + smoothing - 1)).Select(second => second.Bucket).ToList();
            var ends = Enumerable.Range(kept.Count - length, length).ToList();
            return new(
                kept.TakeLast(length).Max(second => second.Mean),
                ends.Max(end => Mean(kept, end, smoothing, second => second.Requests)),
                ends.Max(end => Mean(kept, end, smoothing, second => second.PromptTokens)),
                ends.Max(end => Mean(kept, end, smoothing, second => second.GeneratedTokens)));
        }

        public LoadMeans? Means(int length, int smoothing, bool unbroken)
        {
            var known = _seen.TakeLast(capacity).ToList();
            if (unbroken) known = [.. known.Skip(Math.Max(0, known.FindLastIndex(second => second.AfterGap)))];
            if (known.Count < length) return null;
            var loads = known.TakeLast(length + smoothing - 1).Select(second => second.Bucket.Mean).ToList();
            var means = Enumerable.Range(loads.Count - length, length)
                .Select(end => loads.Take(end + 1).TakeLast(smoothing).Average())
                .ToList();
            return new(means.Min(), means.Max(), means.Average());
        }

        public double HighestLasting(int length, int lasting)
        {
            var loads = _seen.TakeLast(Math.Min(capacity, length + lasting - 1)).Select(second => second.Bucket.Mean).ToList();
            return Enumerable.Range(0, Math.Max(0, loads.Count - lasting + 1)).Select(from => loads.Skip(from).Take(lasting).Min()).DefaultIfEmpty(0).Max();
        }

        private static double Mean(List<LoadBucket> seconds, int end, int smoothing, Func<LoadBucket, long> value)
        {
            var start = Math.Max(0, end - smoothing + 1);
            return seconds.Skip(start).Take(end - start + 1).Average(second => (double)value(second));
        }
    }
}
