using System.Diagnostics;
using System.Globalization;
using Stoker.Api.Replicas;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Runtimes;

/// <summary>
/// One replica process and the loop that watches it: asks for its health, renews its lease, stops it when told to, and
/// notes its end. Everything is written by the loop alone; others read <see cref="Observed"/> and ask for a stop.
/// </summary>
internal sealed class LocalReplica : IDisposable
{
    /// <summary>A look for the socket's file costs microseconds.</summary>
    private static readonly TimeSpan SocketPoll = TimeSpan.FromMilliseconds(10);

    /// <summary>The longest that a replica which loads is waited for: its lease is renewed in between.</summary>
    private static readonly TimeSpan NewsWait = TimeSpan.FromSeconds(1);

    private readonly LocalRuntimeOptions _options;
    private readonly TimeProvider _time;
    private readonly Action _changed;
    private readonly ReplicaFolder _folder;
    private readonly ReplicaConnection _connection;
    private readonly string _socketPath;
    private readonly Process? _child;
    private readonly ProcessIdentity? _process;
    private readonly Task _exited;
    private readonly ChangeSignal _stopAsked = new();

    private volatile ObservedReplica _observed;
    private volatile StopRequest? _stop;
    private StopStage _stage;
    private long _stageAt;
    private long _lookedAt;
    private long _leasedAt;
    private bool _answers;
    private bool _waitedForNews;

    private LocalReplica(
        ReplicaSpec spec, ReplicaFolder folder, string socketPath, Process? child, ProcessIdentity? process,
        LocalRuntimeOptions options, TimeProvider time, Action changed)
    {
        (_options, _time, _changed, _folder, _socketPath, _child, _process) = (options, time, changed, folder, socketPath, child, process);
        _connection = new(spec.Id, socketPath, time);
        _exited = child?.WaitForExitAsync() ?? new TaskCompletionSource().Task;
        _observed = new(spec, ReplicaPhase.Starting, Endpoint: null, Progress: null, Stalled: TimeSpan.Zero, End: null);
        _lookedAt = time.GetTimestamp();
        _leasedAt = child is null ? 0 : _lookedAt; // of an adopted one nobody knows how much is left: renew at once
    }

    public ObservedReplica Observed => _observed;

    /// <summary>For calls beside those of the watching loop.</summary>
    public ReplicaConnection Connection => _connection;

    /// <summary>The watching loop; ends with the replica or, leaving it alone, by cancellation.</summary>
    public Task Watching { get; private set; } = Task.CompletedTask;

    /// <summary>A child of this process, already started.</summary>
    public static LocalReplica OfChild(
        ReplicaSpec spec, ReplicaFolder folder, string socketPath, Process child, LocalRuntimeOptions options, TimeProvider time, Action changed) =>
        new(spec, folder, socketPath, child, ProcessIdentity.Find(child.Id), options, time, changed);

    /// <summary>A process that an earlier owner started.</summary>
    public static LocalReplica OfStranger(
        ReplicaSpec spec, ReplicaFolder folder, string socketPath, ProcessIdentity process, LocalRuntimeOptions options, TimeProvider time, Action changed) =>
        new(spec, folder, socketPath, child: null, process, options, time, changed);

    /// <summary>One that is gone, or never came to be.</summary>
    public static LocalReplica OfEnded(
        ReplicaSpec spec, ReplicaFolder folder, string socketPath, ReplicaEnd end, LocalRuntimeOptions options, TimeProvider time) =>
        new(spec, folder, socketPath, child: null, process: null, options, time, () => { })
        {
            _observed = new(spec, ReplicaPhase.Ended, Endpoint: null, Progress: null, Stalled: TimeSpan.Zero, end) { LastAlive = folder.ReadLife(spec.Id, time) },
        };

    public void Watch(CancellationToken cancellation) => Watching = WatchAsync(cancellation);

    /// <summary>Begins to stop it; asking again may only shorten the bound.</summary>
    /// <param name="bound">The longest drain; null for the configured one, which is none unless set.</param>
    public void Stop(TimeSpan? bound = null)
    {
        var asked = new StopRequest(bound ?? _options.DrainBound ?? TimeSpan.MaxValue);
        if (_stop is { } earlier && earlier.Bound <= asked.Bound) return;
        _stop = asked;
        _stopAsked.Raise();
    }

    public void Dispose()
    {
        _connection.Dispose();
        _child?.Dispose(); // lets go of the process, does not end it
    }

    private async Task WatchAsync(CancellationToken cancellation)
    {
        try
        {
            while (!IsGone())
            {
                var wake = _stopAsked.Next;
                await LookAsync(wake, cancellation);
                if (_stop is { } stop) await EnforceAsync(stop, cancellation);
                await PauseAsync(wake, cancellation);
            }

            NoteEnd();
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Left alone: it lives on until its next owner comes or its lease ends.
        }
    }

    private bool IsGone() => _exited.IsCompleted || _child is null && _process?.IsAlive != true;

    private async Task LookAsync(Task wake, CancellationToken cancellation)
    {
        _waitedForNews = false;
        var due = _observed.Phase is ReplicaPhase.Ready or ReplicaPhase.Draining ? _options.ReadyPoll : TimeSpan.Zero;
        var since = _time.GetElapsedTime(_lookedAt);
        if (since < due && _answers) return;
        _lookedAt = _time.GetTimestamp();

        var isThere = _observed.Phase != ReplicaPhase.Starting || File.Exists(_socketPath);
        var (asked, heard) = isThere ? await AskAsync(wake, cancellation) : (true, null);
        if (!asked) return;
        var health = heard?.ReplicaId == _observed.Id.ToString() ? heard : null;
        _answers = health is not null;
        if (heard is not null && health is null) Withdraw();
        // A gap far longer than a poll is a suspended server, not a replica at fault.
        Note(health, since < TimeSpan.FromSeconds(10) ? since : TimeSpan.FromSeconds(10));

        if (_answers && (_leasedAt == 0 || _time.GetElapsedTime(_leasedAt) >= _options.LeaseRenewal)
            && await _connection.RenewLeaseAsync(_options.LeaseLength, cancellation))
        {
            _leasedAt = _time.GetTimestamp();
        }
    }

    /// <summary>
    /// Somebody else answers at its address: no request may go there. Silence is no reason, a busy machine is silent too.
    /// </summary>
    private void Withdraw()
    {
        if (_observed.Endpoint is null) return;
        _observed = _observed with { Endpoint = null };
        _changed();
    }

    /// <summary>
    /// One that loads answers when it is ready: a poll would keep those who wait for it waiting. A stop, or its end, is
    /// not kept waiting for that.
    /// </summary>
    private async Task<(bool Asked, ReplicaHealth? Health)> AskAsync(Task wake, CancellationToken cancellation)
    {
        var wait = _answers && _observed.Phase == ReplicaPhase.Loading && _stop is null ? NewsWait : TimeSpan.Zero;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var asking = _connection.HealthAsync(wait, over.Token);
        if (wait > TimeSpan.Zero)
        {
            await Task.WhenAny(asking, wake, _exited);
            if (!asking.IsCompleted) await over.CancelAsync();
        }

        try
        {
            var health = await asking;
            // One of an older program answers at once, and is asked again after a while.
            _waitedForNews = wait > TimeSpan.Zero && _time.GetElapsedTime(_lookedAt) >= _options.StartingPoll;
            return (true, health);
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            return (false, null);
        }
    }

    private void Note(ReplicaHealth? health, TimeSpan since)
    {
        var before = _observed;
        if (health is null)
        {
            _observed = before with { Stalled = before.Stalled + since };
            return;
        }

        // of another version of this program: replace it in an orderly way
        if (health.Protocol != ReplicaProtocol.Version) Stop();

        var phase = health.State switch
        {
            "READY" => ReplicaPhase.Ready,
            "LOADING" => ReplicaPhase.Loading,
            "DRAINING" => ReplicaPhase.Draining,
            _ => ReplicaPhase.Starting,
        };
        if (_stage != StopStage.None) phase = ReplicaPhase.Draining;
        var isNews = phase != before.Phase || Tenths(health.Progress) != Tenths(before.Progress);
        _waitedForNews |= isNews && phase == ReplicaPhase.Loading;
        var moved = isNews || health.Progress != before.Progress;
        _observed = before with
        {
            Phase = phase,
            Progress = health.Progress,
            Stalled = moved || phase == ReplicaPhase.Ready ? TimeSpan.Zero : before.Stalled + since,
            Endpoint = phase == ReplicaPhase.Ready ? before.Endpoint ?? Endpoint(health) : null,
            LastAlive = _time.GetTimestamp(),
            Requests = health.Requests ?? 0,
        };
        var returned = phase == ReplicaPhase.Ready && before.Endpoint is null;
        if (isNews || returned) _changed();
    }

    /// <summary>As fine as those who wait are told: each step has the deployment looked at.</summary>
    private static int Tenths(double? progress) => (int)((progress ?? 0) * 10);

    private ReplicaEndpoint Endpoint(ReplicaHealth health) =>
        new(_observed.Id, new("http://replica/"), _socketPath, Math.Max(1, health.MaxSequences ?? 1))
        {
            Kind = health is { KernelSet: { } kernels, EngineBuild: { } build } ? string.Create(CultureInfo.InvariantCulture, $"{_observed.Spec.Revision} {kernels} {build}") : null,
            CacheTokens = health.CacheTokens,
        };

    /// <summary>
    /// A drain by word; after its bound SIGTERM, which cuts the streams; after the next bound SIGKILL.
    /// </summary>
    private async Task EnforceAsync(StopRequest stop, CancellationToken cancellation)
    {
        if (_stage == StopStage.None)
        {
            var serves = _observed.Phase is ReplicaPhase.Ready or ReplicaPhase.Draining && _answers;
            _observed = _observed with { Phase = ReplicaPhase.Draining, Endpoint = null };
            var drains = serves && await _connection.DrainAsync(cancellation);
            // one that does not serve has no streams to wait for
            Enter(drains ? StopStage.Draining : StopStage.Terminated);
        }

        var since = _time.GetElapsedTime(_stageAt);
        var hangs = !_answers && _observed.Stalled >= _options.StopBound;
        if (_stage == StopStage.Draining && (since >= stop.Bound || hangs)) Enter(StopStage.Terminated);
        else if (_stage == StopStage.Terminated && since >= _options.StopBound) Enter(StopStage.Killed);
    }

    private void Enter(StopStage stage)
    {
        (_stage, _stageAt) = (stage, _time.GetTimestamp());
        if (stage == StopStage.Terminated) Signal(ProcessIdentity.SigTerm);
        else if (stage == StopStage.Killed) Signal(ProcessIdentity.SigKill);
    }

    private void Signal(int signal) => _process?.Signal(signal);

    private async Task PauseAsync(Task wake, CancellationToken cancellation)
    {
        if (_waitedForNews && _stop is null) return; // asks again at once, and waits there
        var pause = _observed.Phase switch
        {
            ReplicaPhase.Starting => SocketPoll,
            ReplicaPhase.Loading => _options.StartingPoll,
            _ => _child is null ? _options.ProcessPoll : _options.ReadyPoll,
        };
        if (_stop is not null && pause > _options.ProcessPoll) pause = _options.ProcessPoll;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        await Task.WhenAny(_exited, wake, Task.Delay(pause, _time, over.Token));
        await over.CancelAsync(); // takes the timer down
        cancellation.ThrowIfCancellationRequested();
    }

    private void NoteEnd()
    {
        // The system reports a child's end at once, and it lived up to it, unless it hung. Of one that never answered
        // this server there is what it wrote down itself.
        var endedAt = _child is not null && _answers ? _time.GetTimestamp() : _observed.LastAlive ?? _folder.ReadLife(_observed.Id, _time);
        var seen = _child is null ? null : ExitText(_child.ExitCode);
        var end = _folder.ReadEnd(_observed.Id, stopAsked: _stop is not null, seen);
        File.Delete(_socketPath);
        _observed = _observed with { Phase = ReplicaPhase.Ended, Endpoint = null, Progress = null, End = end, LastAlive = endedAt };
        _changed();
    }

    /// <summary>The shell's convention, which .NET follows: 128 + the signal's number.</summary>
    private static string ExitText(int code) => code switch
    {
        137 => "was killed by signal 9 (SIGKILL: by hand, or because memory ran out)",
        > 128 and < 160 => $"was killed by signal {code - 128}",
        126 or 127 => $"could not be executed (status {code})",
        _ => $"ended with exit status {code}",
    };

    private sealed record StopRequest(TimeSpan Bound);

    private enum StopStage
    {
        None,
        Draining,
        Terminated,
        Killed,
    }
}
