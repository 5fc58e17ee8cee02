using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Stoker.Engine;
using Stoker.Replica.Engines;
using Stoker.Replica.Hosting;
using Stoker.Replica.Simulated;
using Stoker.Testing;

namespace Stoker.Replica.Tests.Hosting;

public sealed class StartupProbeTests
{
    private readonly ArmedTime _time = new();
    private readonly Lines _log = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Measures_once_some_time_after_ready()
    {
        await using var engine = new Measured { Answer = () => 41.26e9 };
        var probe = new StartupProbe(Task.FromResult<IReplicaEngine>(engine), _time, _log).RunAsync(Stop);
        await _time.PassAsync(StartupProbe.Interval - TimeSpan.FromSeconds(1));
        engine.Measurements.ShouldBe(0); // the first request has the cores
        _time.Advance(TimeSpan.FromSeconds(1));
        await probe;
        engine.Measurements.ShouldBe(1);
        _log.Text.ShouldBe(["Information: 1 threads read 41.3 GB/s together"]);
    }

    [Fact]
    public async Task Waits_while_requests_run_and_gives_up_on_a_busy_replica()
    {
        await using var engine = new Measured { Running = 1 };
        var probe = new StartupProbe(Task.FromResult<IReplicaEngine>(engine), _time, _log).RunAsync(Stop);
        for (var look = 1; look < StartupProbe.Looks; look++) await _time.PassAsync(StartupProbe.Interval);
        probe.IsCompleted.ShouldBeFalse();
        await _time.PassAsync(StartupProbe.Interval);
        await probe;
        (engine.Measurements, _log.Text.Count).ShouldBe((0, 0));
    }

    [Fact]
    public async Task A_failure_is_a_line_in_the_log()
    {
        await using var engine = new Measured { Answer = () => throw new InvalidOperationException("no memory") };
        var probe = new StartupProbe(Task.FromResult<IReplicaEngine>(engine), _time, _log).RunAsync(Stop);
        await _time.PassAsync(StartupProbe.Interval);
        await probe;
        _log.Text.ShouldBe(["Warning: The read bandwidth could not be measured: no memory"]);
    }

    [Fact]
    public async Task A_load_that_failed_is_no_line_of_its_own()
    {
        await new StartupProbe(Task.FromException<IReplicaEngine>(new InvalidOperationException("no model")), _time, _log).RunAsync(Stop);
        _log.Text.ShouldBeEmpty();
    }

    [Fact]
    public async Task Nothing_to_measure_is_nothing_to_say()
    {
        await using var engine = new Measured { Answer = () => null };
        var probe = new StartupProbe(Task.FromResult<IReplicaEngine>(engine), _time, _log).RunAsync(Stop);
        await _time.PassAsync(StartupProbe.Interval);
        await probe;
        (engine.Measurements, _log.Text.Count).ShouldBe((1, 0));
    }

    [Fact]
    public async Task Ends_with_the_replica()
    {
        await using var engine = new Measured();
        using var end = new CancellationTokenSource();
        var probe = new StartupProbe(Task.FromResult<IReplicaEngine>(engine), _time, _log).RunAsync(end.Token);
        await end.CancelAsync();
        await probe;
        (engine.Measurements, _log.Text.Count).ShouldBe((0, 0));
    }

    /// <summary>Time that passes only after somebody has begun to wait for it.</summary>
    private sealed class ArmedTime : TimeProvider
    {
        private readonly ManualTime _time = new(new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));
        private readonly Channel<bool> _armed = Channel.CreateUnbounded<bool>();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = _time.CreateTimer(callback, state, dueTime, period);
            _armed.Writer.TryWrite(true).ShouldBeTrue();
            return timer;
        }

        public async Task PassAsync(TimeSpan span)
        {
            await _armed.Reader.ReadAsync(Stop);
            Advance(span);
        }

        public void Advance(TimeSpan span) => _time.Advance(span);
    }

    private sealed class Measured : IReplicaEngine
    {
        private readonly SimulatedEngine _inner = new(new(), TimeProvider.System, () => { });

        public int Running { get; init; }

        public Func<double?> Answer { get; init; } = () => 1e9;

        public int Measurements { get; private set; }

        public int ContextLength => 1;

        public int MaxSequences => 1;

        public int VocabularySize => 1;

        public bool SupportsChat => false;

        public SamplingOptions DefaultSampling => SamplingOptions.ApiDefaults;

        public EngineStatistics Statistics => _inner.Statistics with { Running = Running };

        public double? MeasureReadBandwidth()
        {
            Measurements++;
            return Answer();
        }

        public int[] EncodeText(string text) => throw new NotSupportedException();

        public int[] EncodeChat(JsonElement messages, bool safeTokenization) => throw new NotSupportedException();

        public string Decode(ReadOnlySpan<int> tokens) => throw new NotSupportedException();

        public IReplicaGeneration Submit(GenerationRequest request) => throw new NotSupportedException();

        public ValueTask DisposeAsync() => _inner.DisposeAsync();
    }

    private sealed class Lines : ILogger
    {
        public List<string> Text { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Text.Add($"{logLevel}: {formatter(state, exception)}");
    }
}
